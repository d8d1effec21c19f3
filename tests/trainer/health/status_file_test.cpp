// SPDX-License-Identifier: MIT
#include "trainer/health/status_file.hpp"

#include "core/base/text_file.hpp"
#include "support/temp_dir.hpp"
#include "trainer/checkpoint/run_lock.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class StatusFileTest : public testing::Test {
 protected:
  StatusFileTest() {
    config_.run = {.name = "demo", .out = folder_.path()};
    config_.schedule.steps = 50;
  }
  /// Rank 0's or 1's of a job that has the run.
  void claim(StatusFile& file, int rank) {
    RankInfo info;
    info.rank = rank;
    info.world_size = 2;
    info.host = "node" + std::to_string(rank);
    file.set_place(info);
    file.claim(config_);
  }
  std::filesystem::path path() const { return folder_ / "demo.status.json"; }
  RunStatus written() const { return read_run_status(path()); }
  bool is_written() const { return std::filesystem::exists(path()); }

  test::TempDir folder_;
  TrainConfig config_;
  double now_s_ = 1000;
  Clock clock_ = [this] { return now_s_; };
  StatusFile first_{RunPlace{folder_.path(), "demo"}, clock_};
  StatusFile second_{RunPlace{folder_.path(), "demo"}, clock_};
};

TEST_F(StatusFileTest, a_claimed_run_is_running) {
  claim(first_, 0);
  EXPECT_EQ(written().state, StatusState::running);
  EXPECT_EQ(written().last_step, 50);
  EXPECT_EQ(written().host, "node0");
  EXPECT_EQ(written().started, 1000);
}

TEST_F(StatusFileTest, the_end_of_a_run_is_rank_0s_to_tell) {
  claim(first_, 0);
  claim(second_, 1);
  second_.finish({85, "Terminated"});
  EXPECT_EQ(written().state, StatusState::running);
  first_.step_ended({7, 1, 2}, 60);
  now_s_ = 1234;
  first_.finish({85, "Terminated"});
  EXPECT_EQ(written().state, StatusState::checkpointed);
  EXPECT_EQ(written().exit_code, 85);
  EXPECT_EQ(written().cause, "Terminated");
  EXPECT_EQ(written().step, 7);
  EXPECT_EQ(written().step_time, 1000);
  EXPECT_EQ(written().last_step, 60);
  EXPECT_EQ(written().skipped_steps, 1);
  EXPECT_EQ(written().spikes, 2);
  EXPECT_EQ(written().written, 1234);
}

TEST_F(StatusFileTest, a_rank_that_fails_adds_why_to_what_rank_0_knew) {
  claim(first_, 0);
  first_.begin(5, RunSegment{"demo.s002.h5", 2});
  first_.flush();
  claim(second_, 1);
  second_.step_ended({9, 0, 0}, 50);
  second_.fail(8, "out of memory");
  EXPECT_EQ(written().state, StatusState::out_of_memory);
  EXPECT_EQ(written().rank, 1);
  EXPECT_EQ(written().step, 9);
  EXPECT_EQ(written().segment->number, 2);
  EXPECT_EQ(written().started, 1000);
  EXPECT_THAT(written().suspects, ElementsAre(Suspect{1, "node1"}));
}

TEST_F(StatusFileTest, the_first_failure_stays) {
  claim(first_, 0);
  claim(second_, 1);
  second_.fail(5, "the GPU fell off the bus");
  first_.fail(3, "lost rank 1");
  EXPECT_EQ(written().exit_code, 5);
  EXPECT_EQ(written().cause, "the GPU fell off the bus");
}

TEST_F(StatusFileTest, a_new_start_replaces_the_end_of_the_last) {
  claim(first_, 0);
  first_.fail(9, "stalled");
  now_s_ = 2000;
  StatusFile again(RunPlace{folder_.path(), "demo"}, clock_);
  claim(again, 0);
  EXPECT_EQ(written().state, StatusState::running);
  EXPECT_EQ(written().started, 2000);
}

TEST_F(StatusFileTest, a_failure_before_the_run_is_claimed_is_told_if_nobody_has_the_run) {
  first_.fail(2, "train.yaml:5: unknown key 'a'");
  EXPECT_EQ(written().state, StatusState::failed);
  EXPECT_EQ(written().exit_code, 2);
  EXPECT_THAT(written().suspects, IsEmpty());
}

TEST_F(StatusFileTest, a_failure_to_get_a_run_leaves_its_owners_file_alone) {
  const RunLock lock(folder_ / "demo.lock", "another");
  first_.fail(3, "another is training this run");
  EXPECT_FALSE(is_written());
}

TEST_F(StatusFileTest, names_the_newest_complete_checkpoint) {
  std::filesystem::create_directories(folder_ / "demo.checkpoints/step-00000040");
  std::filesystem::create_directories(folder_ / "demo.checkpoints/step-00000030");
  std::filesystem::create_directories(folder_ / "demo.checkpoints/step-00000050.writing");
  claim(first_, 0);
  ASSERT_TRUE(written().checkpoint.has_value());
  EXPECT_EQ(written().checkpoint->step, 40);
  EXPECT_EQ(written().checkpoint->path, folder_ / "demo.checkpoints/step-00000040");
}

TEST_F(StatusFileTest, a_run_without_a_name_has_no_file) {
  StatusFile nameless(std::nullopt);
  nameless.fail(2, "no run.name");
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST_F(StatusFileTest, the_heart_beats_every_30_seconds_and_no_oftener) {
  claim(first_, 0);
  now_s_ = 1029;
  first_.beat();
  first_.flush();
  EXPECT_EQ(written().written, 1000);
  now_s_ = 1030;
  first_.beat();
  first_.flush();
  EXPECT_EQ(written().written, 1030);
}

TEST_F(StatusFileTest, evaluations_and_checkpoints_have_it_written_every_5_seconds_at_most) {
  claim(first_, 0);
  now_s_ = 1005;
  first_.touch();
  first_.flush();
  EXPECT_EQ(written().written, 1000);
  now_s_ = 1006;
  first_.touch();
  first_.flush();
  EXPECT_EQ(written().written, 1006);
}

TEST_F(StatusFileTest, behind_the_end_nothing_is_written) {
  claim(first_, 0);
  first_.finish({0, ""});
  now_s_ = 2000;
  first_.beat();
  first_.flush();
  EXPECT_EQ(written().written, 1000);
}

}  // namespace
}  // namespace isoflop
