// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/node_memory.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

namespace isoflop {
namespace {

class ControlGroup : public testing::Test {
 protected:
  ControlGroup() { std::filesystem::create_directories(root_ / "slurm/job_7/step_0"); }
  ~ControlGroup() override { std::filesystem::remove_all(root_); }
  void set_limit(const std::string& group, const std::string& value) const {
    std::ofstream(root_ / group / "memory.max") << value << '\n';
  }

  std::filesystem::path root_ = std::filesystem::path(testing::TempDir()) /
                                testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(ControlGroup, smallest_limit_on_the_way_up_holds) {
  set_limit("slurm", "max");
  set_limit("slurm/job_7", "1073741824");
  set_limit("slurm/job_7/step_0", "max");
  EXPECT_EQ(control_group_limit(root_, "slurm/job_7/step_0"), 1073741824);
}

TEST_F(ControlGroup, no_limit_without_memory_files) {
  EXPECT_EQ(control_group_limit(root_, "slurm/job_7"), INT64_MAX);
}

TEST(NodeMemory, is_positive) { EXPECT_GT(node_memory_bytes(), 0); }

}  // namespace
}  // namespace isoflop
