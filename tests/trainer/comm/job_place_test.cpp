// SPDX-License-Identifier: MIT
#include "trainer/comm/job_place.hpp"

#include "core/base/error.hpp"
#include "support/error_matchers.hpp"
#include "trainer/comm/forked_ranks.hpp"

namespace isoflop {
namespace {

using test::environment_of;
using testing::HasSubstr;
using Variables = std::map<std::string, std::string>;

const Variables kSlurm = {{"SLURM_PROCID", "3"},
                          {"SLURM_STEP_NUM_TASKS", "8"},
                          {"SLURM_JOB_ID", "4711"},
                          {"SLURM_STEP_ID", "2"},
                          {"SLURM_NTASKS", "16"}};

Variables with(Variables variables, const Variables& more) {
  variables.insert(more.begin(), more.end());
  return variables;
}

TEST(JobPlace, slurm_step_tells_rank_size_and_identity) {
  const JobPlace place = find_job_place(environment_of(kSlurm));
  EXPECT_EQ(place.rank, 3);
  EXPECT_EQ(place.world_size, 8);
  EXPECT_EQ(place.source, JobPlace::Source::slurm);
  EXPECT_EQ(place.job_id, "4711.2.0");
}

TEST(JobPlace, requeued_job_has_another_identity) {
  EXPECT_EQ(find_job_place(environment_of(with(kSlurm, {{"SLURM_RESTART_COUNT", "1"}}))).job_id,
            "4711.2.1");
}

TEST(JobPlace, variables_of_this_process_come_before_slurms) {
  const JobPlace torchrun =
      find_job_place(environment_of(with(kSlurm, {{"RANK", "5"},
                                                  {"WORLD_SIZE", "32"},
                                                  {"TORCHELASTIC_RUN_ID", "my run"},
                                                  {"TORCHELASTIC_RESTART_COUNT", "2"}})));
  EXPECT_EQ(torchrun.rank, 5);
  EXPECT_EQ(torchrun.world_size, 32);
  EXPECT_EQ(torchrun.job_id, "my_run.2");
  const JobPlace open_mpi = find_job_place(environment_of(with(
      kSlurm,
      {{"OMPI_COMM_WORLD_RANK", "1"}, {"OMPI_COMM_WORLD_SIZE", "2"}, {"PMIX_NAMESPACE", "7"}})));
  EXPECT_EQ(open_mpi.rank, 1);
  EXPECT_EQ(open_mpi.job_id, "7");
  const JobPlace pmi =
      find_job_place(environment_of({{"PMI_RANK", "0"}, {"PMI_SIZE", "2"}, {"PMI_JOBID", "9"}}));
  EXPECT_EQ(pmi.world_size, 2);
  EXPECT_EQ(pmi.job_id, "9");
}

TEST(JobPlace, users_identity_comes_first) {
  EXPECT_EQ(find_job_place(environment_of(with(kSlurm, {{"ISOFLOP_JOB_ID", "mine-1"}}))).job_id,
            "mine-1");
  EXPECT_THAT(test::message_of<FileError>([] {
                find_job_place(environment_of(with(kSlurm, {{"ISOFLOP_JOB_ID", "a b/c"}})));
              }),
              HasSubstr("ISOFLOP_JOB_ID is 'a b/c'"));
}

TEST(JobPlace, half_of_a_pair_is_not_enough) {
  EXPECT_EQ(find_job_place(environment_of(with(kSlurm, {{"WORLD_SIZE", "2"}}))).world_size, 8);
  // A batch script, outside of any step.
  EXPECT_THROW(find_job_place(environment_of({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "4"}})),
               FileError);
}

TEST(JobPlace, nothing_known_says_what_to_set) {
  const std::string message =
      test::message_of<FileError>([] { find_job_place(environment_of({})); });
  EXPECT_THAT(message, HasSubstr("set RANK (0, 1, ...) and WORLD_SIZE for every process"));
}

TEST(JobPlace, impossible_numbers_are_refused) {
  const auto message = [](const char* rank, const char* size) {
    return test::message_of<FileError>([&] {
      find_job_place(environment_of({{"RANK", rank}, {"WORLD_SIZE", size}}));
    });
  };
  EXPECT_THAT(message("x", "2"), HasSubstr("RANK is 'x'"));
  EXPECT_THAT(message("-1", "2"), HasSubstr("RANK is '-1'"));
  EXPECT_THAT(message("0", "2.5"), HasSubstr("WORLD_SIZE is '2.5'"));
  EXPECT_THAT(message("2", "2"), HasSubstr("RANK is '2' (must be below WORLD_SIZE, which is 2)"));
}

}  // namespace
}  // namespace isoflop
