// SPDX-License-Identifier: MIT
#include "trainer/checkpoint/checkpoint_folder.hpp"

#include "core/base/error.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace isoflop {
namespace {

using testing::ElementsAre;

class Checkpoints : public testing::Test {
 protected:
  void write(int64_t step) const {
    std::filesystem::create_directories(folder_.writing(step));
    std::ofstream(folder_.writing(step) / "rank-00000.state") << "state";
    folder_.commit(step);
  }
  test::TempDir temporary_;
  CheckpointFolder folder_{temporary_ / "run.checkpoints"};
};

TEST_F(Checkpoints, of_a_run_that_has_none) {
  EXPECT_TRUE(folder_.steps().empty());
  EXPECT_GT(folder_.free_bytes(), 0);
}

TEST_F(Checkpoints, are_known_once_they_are_complete_newest_first) {
  write(900);
  write(100000000);
  write(1000);
  std::filesystem::create_directories(folder_.writing(1100));
  std::filesystem::create_directories(folder_.path() / "step-x");
  EXPECT_THAT(folder_.steps(), ElementsAre(100000000, 1000, 900));
  folder_.remove_unfinished();
  EXPECT_FALSE(std::filesystem::exists(folder_.writing(1100)));
  EXPECT_THAT(folder_.steps(), ElementsAre(100000000, 1000, 900));
}

TEST_F(Checkpoints, the_newest_are_kept) {
  for (const int64_t step : {10, 20, 30, 40}) write(step);
  folder_.prune({.keep = 2});
  EXPECT_THAT(folder_.steps(), ElementsAre(40, 30));
  EXPECT_FALSE(std::filesystem::exists(folder_.of(10)));
}

TEST_F(Checkpoints, milestones_are_kept_for_ever) {
  const CheckpointConfig config{.keep = 1, .milestone_interval = 25};
  // 53 stands for 50, at which the one before was still being written
  for (const int64_t step : {10, 20, 25, 40, 53, 60, 70}) {
    write(step);
    folder_.prune(config);
  }
  EXPECT_THAT(folder_.steps(), ElementsAre(70, 53, 25));
}

TEST_F(Checkpoints, one_that_is_there_already_is_an_error) {
  write(10);
  std::filesystem::create_directories(folder_.writing(10));
  EXPECT_THROW(folder_.commit(10), FileError);
}

}  // namespace
}  // namespace isoflop
