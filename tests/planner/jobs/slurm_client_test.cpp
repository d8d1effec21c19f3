// SPDX-License-Identifier: MIT
#include "planner/jobs/slurm_client.hpp"

#include "core/base/error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace isoflop {
namespace {

using testing::HasSubstr;

TEST(SlurmClient, variables_that_count_as_options_are_left_out) {
  setenv("SBATCH_TIMELIMIT", "3", 1);
  setenv("SLURM_JOB_ID", "17", 1);
  setenv("SLURM_CONF", "/x/slurm.conf", 1);
  const SlurmReply reply = ask_client({"env"});
  unsetenv("SBATCH_TIMELIMIT");
  unsetenv("SLURM_JOB_ID");
  unsetenv("SLURM_CONF");
  EXPECT_THAT(reply.out.value(), testing::Not(HasSubstr("SBATCH_TIMELIMIT")));
  EXPECT_THAT(reply.out.value(), testing::Not(HasSubstr("SLURM_JOB_ID")));
  EXPECT_THAT(reply.out.value(), HasSubstr("SLURM_CONF=/x/slurm.conf"));
}

TEST(SlurmClient, says_why_there_is_no_answer) {
  EXPECT_EQ(ask_client({"no-such-program-of-slurm"}).problem,
            "there is no no-such-program-of-slurm on this machine");
  EXPECT_EQ(ask_client({"sh", "-c", "echo first >&2; echo last >&2; exit 1"}).problem, "sh: last");
}

TEST(SlurmQueue, reads_what_squeue_prints) {
  const auto jobs = read_queue(
      "17|RUNNING|1:02|5:00|cpu1|/home/a b|/p/train.sbatch\n"
      "18_[2-9%1]|PENDING|0:00|5:00|(Dependency)|/h|/p/train.sbatch\n");
  ASSERT_EQ(jobs.size(), 2U);
  EXPECT_TRUE(jobs[0].is_running());
  EXPECT_EQ(jobs[0].folder, "/home/a b");
  EXPECT_EQ(jobs[1].id, "18_[2-9]");
  EXPECT_EQ(jobs[1].script, "/p/train.sbatch");
  EXPECT_TRUE(read_queue("\n").empty());
  EXPECT_THROW(read_queue("slurm_load_jobs error\n"), FileError);
}

TEST(SlurmQueue, knows_who_waits_for_a_release) {
  const auto is_held = [](const std::string& state, const std::string& reason) {
    QueuedJob job;
    job.state = state;
    job.reason = reason;
    return job.is_held();
  };
  EXPECT_TRUE(is_held("PENDING", "(launch failed requeued held)"));
  EXPECT_TRUE(is_held("PENDING", "(JobHeldUser)"));
  EXPECT_FALSE(is_held("PENDING", "(Resources)"));
  EXPECT_FALSE(is_held("RUNNING", "held1"));
}

}  // namespace
}  // namespace isoflop
