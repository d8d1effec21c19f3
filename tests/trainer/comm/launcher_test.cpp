// SPDX-License-Identifier: MIT
#include "trainer/comm/launcher.hpp"

#include "core/base/error.hpp"
#include "support/error_matchers.hpp"
#include "trainer/comm/forked_ranks.hpp"

namespace isoflop {
namespace {

using test::environment_of;

TEST(Launcher, process_without_variables_is_alone) {
  EXPECT_EQ(detect_launcher(environment_of({})), Launcher::none);
}

TEST(Launcher, process_managers_mean_mpi) {
  for (const char* name : {"PMIX_RANK", "PMI_RANK", "OMPI_COMM_WORLD_SIZE"})
    EXPECT_EQ(detect_launcher(environment_of({{name, "0"}})), Launcher::mpi) << name;
}

TEST(Launcher, slurm_step_of_one_task_is_alone) {
  EXPECT_EQ(detect_launcher(environment_of({{"SLURM_PROCID", "0"}, {"SLURM_STEP_NUM_TASKS", "1"}})),
            Launcher::none);
}

TEST(Launcher, batch_script_of_a_job_with_several_tasks_is_alone) {
  EXPECT_EQ(detect_launcher(environment_of({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "4"}})),
            Launcher::none);
}

TEST(Launcher, slurm_step_of_several_tasks_without_pmix_is_recognised) {
  EXPECT_EQ(detect_launcher(environment_of({{"SLURM_PROCID", "0"}, {"SLURM_STEP_NUM_TASKS", "4"}})),
            Launcher::slurm_tasks);
}

TEST(Launcher, tasks_that_do_not_find_each_other_are_an_error) {
  const auto environment = environment_of({{"SLURM_PROCID", "1"}, {"SLURM_STEP_NUM_TASKS", "4"}});
  EXPECT_NO_THROW(check_world_size(environment, 4));
  const std::string message =
      test::message_of<FileError>([&] { check_world_size(environment, 1); });
  EXPECT_THAT(message, testing::HasSubstr("the Slurm step has '4' tasks"));
  EXPECT_THAT(message, testing::HasSubstr("srun --mpi=pmix -n 4"));
}

TEST(Launcher, mpirun_inside_a_slurm_step_may_start_one_rank) {
  EXPECT_NO_THROW(check_world_size(
      environment_of(
          {{"SLURM_PROCID", "1"}, {"SLURM_STEP_NUM_TASKS", "4"}, {"OMPI_COMM_WORLD_SIZE", "1"}}),
      1));
}

TEST(Launcher, local_rank_is_the_process_managers_before_slurms) {
  EXPECT_EQ(local_rank(environment_of({})), 0);
  EXPECT_EQ(local_rank(environment_of({{"SLURM_LOCALID", "3"}})), 3);
  for (const char* name : {"OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "PMI_LOCAL_RANK"})
    EXPECT_EQ(local_rank(environment_of({{name, "2"}, {"SLURM_LOCALID", "0"}})), 2) << name;
}

TEST(Launcher, slurms_node_name_comes_before_the_hosts) {
  EXPECT_EQ(node_name(environment_of({{"SLURMD_NODENAME", "vgpu3"}})), "vgpu3");
  EXPECT_FALSE(node_name(environment_of({})).empty());
}

}  // namespace
}  // namespace isoflop
