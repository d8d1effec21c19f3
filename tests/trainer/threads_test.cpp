// SPDX-License-Identifier: MIT
#include "trainer/threads.hpp"

#include "core/base/error.hpp"
#include "support/error_matchers.hpp"

#include <cstdlib>
#include <sched.h>

namespace isoflop {
namespace {

class Threads : public testing::Test {
 protected:
  void SetUp() override {
    unsetenv("OMP_NUM_THREADS");
    unsetenv("SLURM_CPUS_PER_TASK");
  }
  void TearDown() override { SetUp(); }
};

TEST_F(Threads, omp_num_threads_comes_first) {
  setenv("OMP_NUM_THREADS", "3", 1);
  setenv("SLURM_CPUS_PER_TASK", "5", 1);
  EXPECT_EQ(threads_of_rank({}), 3);
}

TEST_F(Threads, then_slurms_processors_of_a_task) {
  setenv("OMP_NUM_THREADS", "", 1);
  setenv("SLURM_CPUS_PER_TASK", "5", 1);
  EXPECT_EQ(threads_of_rank({}), 5);
}

TEST_F(Threads, otherwise_ranks_of_a_node_share_the_usable_processors) {
  cpu_set_t set;
  CPU_ZERO(&set);
  ASSERT_EQ(sched_getaffinity(0, sizeof(set), &set), 0);
  EXPECT_EQ(threads_of_rank({}), CPU_COUNT(&set));
  RankInfo crowded;
  crowded.local_size = 1'000'000;
  EXPECT_EQ(threads_of_rank(crowded), 1);
}

TEST_F(Threads, a_variable_that_is_no_positive_number_is_named) {
  for (const char* const wrong : {"0", "-2", "four", "2x", "1.5", "99999999999"}) {
    setenv("OMP_NUM_THREADS", wrong, 1);
    EXPECT_EQ(test::message_of<ConfigError>([] { threads_of_rank({}); }),
              std::string("environment: OMP_NUM_THREADS is '") + wrong +
                  "' (must be a positive whole number); correct or unset it");
  }
}

}  // namespace
}  // namespace isoflop
