// SPDX-License-Identifier: MIT
#include "planner/sbatch_writer.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "planner/planner_fixtures.hpp"
#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"

#include <cstdlib>
#include <sys/wait.h>

namespace isoflop {
namespace {

using testing::HasSubstr;
using testing::Not;

ScriptContext context() {
  return {.plan_file = "/home/ada/plans/x/plan.yaml",
          .script_file = "/home/ada/plans/x/train.sbatch",
          .pilot_script_file = "/home/ada/plans/x/pilot.sbatch",
          .bin_dir = "/opt/isoflop/bin",
          .cluster_file = "/home/ada/cluster.yaml",
          .cluster_crc32 = 0x1a2b3c4d,
          .version = "0.1.0",
          .created = "2026-11-21T22:05:11Z"};
}

/// A plan with fixed figures: scripts must not change because predictions do.
Plan plan_on(const Partition& partition, const JobSize& job, double wall_s) {
  Plan plan;
  plan.choice.partition = &partition;
  plan.choice.job = job;
  plan.choice.budget.wall_s = wall_s;
  plan.choice.budget.split.margin_s = 0.1 * wall_s;
  plan.choice.layout.step_time.matmul_s = 2.5;
  plan.config.run.name = "demo-run";
  return plan;
}

std::string golden(const std::string& name) {
  return read_text_file(std::filesystem::path(ISOFLOP_SOURCE_DIR) / "tests/planner/golden" / name);
}

int shell(const std::string& command) {
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(SbatchWriter, whole_gpu_nodes_match_the_golden_script) {
  const Cluster cluster = test::h100_cluster();
  const Plan plan = plan_on(cluster.partitions.front(), {16, 8}, 86400);
  EXPECT_EQ(write_sbatch(plan, context()), golden("gpu_whole_nodes.sbatch"));
}

TEST(SbatchWriter, cpu_ranks_match_the_golden_script) {
  const Cluster cluster = test::cpu_cluster();
  const Plan plan = plan_on(cluster.partitions.front(), {1, 1}, 180);
  EXPECT_EQ(write_sbatch(plan, context()), golden("cpu_part_of_a_node.sbatch"));
}

TEST(SbatchWriter, site_settings_match_the_golden_script) {
  const Cluster cluster = test::cluster_of(
      "name: site\n"
      "partitions:\n"
      "  - {name: a, slurm_partition: gpu-long, nodes: 4, gpu: 'gpu:a100:4', gpu_request: gres,\n"
      "     cpus_per_node: 64, mem_gb_per_node: 512, inter_node_gb_per_s_per_node: 50,\n"
      "     account: my project, qos: high, constraint: 'a100&ib', reservation: r1,\n"
      "     modules: [gcc/12, 'cuda 12'], environment: {NCCL_SOCKET_IFNAME: ib0, GREETING: it's},\n"
      "     setup: [ulimit -l unlimited], mpi: pmi2, work_dir: /scratch/a b}\n");
  const Plan plan = plan_on(cluster.partitions.front(), {1, 2}, 7200);
  EXPECT_EQ(write_sbatch(plan, context()), golden("site_settings.sbatch"));
}

TEST(SbatchWriter, a_pilot_matches_the_golden_script) {
  const Cluster cluster = test::cpu_cluster();
  const Plan plan = plan_on(cluster.partitions.front(), {1, 1}, 180);
  PilotPlan pilot;
  pilot.runs.resize(2);
  pilot.wall_s = 120;
  pilot.runs.front().config.run.name = "demo-run-pilot";
  EXPECT_EQ(write_pilot_sbatch(plan, pilot, {"/p/x/pilot.yaml", "/p/x/pilot 2.yaml"}, context()),
            golden("pilot.sbatch"));
}

/// The exit code is that of the run that failed, and the others are started all the same.
TEST(SbatchWriter, a_pilot_goes_on_after_a_layout_that_fails) {
  const test::TempDir dir;
  const Cluster cluster = test::cpu_cluster();
  const Plan plan = plan_on(cluster.partitions.front(), {1, 1}, 180);
  PilotPlan pilot;
  pilot.runs.resize(2);
  ScriptContext where = context();
  where.bin_dir = dir.path();
  where.pilot_script_file = dir / "pilot.sbatch";
  for (const char* const file : {"trainer", "one.yaml", "two.yaml"})
    write_text_file(dir / file, "");
  write_text_file(dir / "srun",
                  "#!/bin/sh\necho \"$@\" >>started\ncase \"$*\" in *one*) exit 8;; esac\n");
  write_text_file(dir / "script",
                  write_pilot_sbatch(plan, pilot, {dir / "one.yaml", dir / "two.yaml"}, where));
  EXPECT_EQ(shell("cd " + dir.path().string() + " && chmod +x srun && unset ISOFLOP_BIN && " +
                  "PATH=.:$PATH bash ./script >/dev/null 2>&1"),
            8);
  EXPECT_THAT(read_text_file(dir / "started"), HasSubstr("two.yaml"));
}

TEST(SbatchWriter, golden_scripts_pass_shellcheck) {
  if (shell("command -v shellcheck >/dev/null") != 0) return;  // a tool of developers, not of users
  for (const char* const name : {"gpu_whole_nodes.sbatch", "cpu_part_of_a_node.sbatch",
                                 "site_settings.sbatch", "pilot.sbatch"}) {
    EXPECT_EQ(shell("shellcheck " ISOFLOP_SOURCE_DIR "/tests/planner/golden/" + std::string(name)),
              0)
        << name;
  }
}

TEST(SbatchWriter, site_lines_may_use_unset_variables) {
  const test::TempDir dir;
  Cluster cluster = test::cpu_cluster();
  Partition& partition = cluster.partitions.front();
  partition.job.setup = {"echo \"$NOT_SET_ANYWHERE\""};  // as Lmod's and conda's scripts do
  ScriptContext where = context();
  where.plan_file = dir / "plan.yaml";
  where.bin_dir = dir.path();
  write_text_file(dir / "trainer", "");
  write_text_file(dir / "plan.yaml", "");
  write_text_file(dir / "srun", "#!/bin/sh\nexit 0\n");
  write_text_file(dir / "script", write_sbatch(plan_on(partition, {1, 1}, 180), where));
  EXPECT_EQ(shell("cd " + dir.path().string() + " && chmod +x srun && unset ISOFLOP_BIN && " +
                  "PATH=.:$PATH bash ./script >/dev/null 2>&1"),
            0);
}

class EvilStrings : public testing::TestWithParam<const char*> {};

/// Runs the script with an srun that does nothing, and looks for the file that the string would
/// create if a shell ran it.
TEST_P(EvilStrings, from_the_cluster_file_run_nothing) {
  const test::TempDir dir;
  std::string evil = GetParam();
  const std::string canary = (dir / "canary").string();
  evil.replace(evil.find("CANARY"), 6, canary);
  Cluster cluster = test::cpu_cluster();
  Partition& partition = cluster.partitions.front();
  partition.job.mpi = evil;
  partition.job.environment = {{"HARMLESS", evil}};
  partition.job.modules = {evil};
  partition.job.account = evil;
  ScriptContext where = context();
  where.cluster_file = evil;
  where.plan_file = dir / "plan.yaml";
  where.bin_dir = dir.path();
  write_text_file(dir / "trainer", "");
  write_text_file(dir / "plan.yaml", "");
  write_text_file(dir / "srun", "#!/bin/sh\nexit 0\n");
  write_text_file(dir / "script", write_sbatch(plan_on(partition, {1, 1}, 180), where));
  const std::string run = "cd " + dir.path().string() +
                          " && chmod +x srun && unset ISOFLOP_BIN && PATH=.:$PATH bash -c " +
                          "'module() { :; }; export -f module; bash ./script' >/dev/null 2>&1";
  EXPECT_EQ(shell(run), 0);
  EXPECT_FALSE(std::filesystem::exists(canary));
}

INSTANTIATE_TEST_SUITE_P(SbatchWriter, EvilStrings,
                         testing::Values("\"; touch CANARY; \"", "'; touch CANARY; '",
                                         "$(touch CANARY)", "`touch CANARY`", "x & touch CANARY",
                                         "x | touch CANARY", "${x:-$(touch CANARY)}",
                                         "x\\'; touch CANARY #", "> CANARY"));

TEST(SbatchWriter, line_breaks_cannot_add_lines) {
  Cluster cluster = test::cpu_cluster();
  Partition& partition = cluster.partitions.front();
  partition.job.account = "a\n#SBATCH --uid=0";
  const Plan plan = plan_on(partition, {1, 1}, 180);
  EXPECT_THAT(test::message_of<ConfigError>([&] { write_sbatch(plan, context()); }),
              HasSubstr("account holds a line break"));
  partition.job.account.reset();
  ScriptContext where = context();
  where.cluster_file = "x\nrm -rf ~";
  EXPECT_THAT(write_sbatch(plan, where), Not(HasSubstr("\nrm -rf ~")));
}

TEST(SignalLead, comes_after_the_predicted_end_or_not_at_all) {
  Budget budget;
  budget.split.margin_s = 8000;
  EXPECT_EQ(signal_lead_s(budget, 10.2), 81);  // 60 + 2 steps
  budget.split.margin_s = 100;
  EXPECT_FALSE(signal_lead_s(budget, 10.2).has_value());
}

}  // namespace
}  // namespace isoflop
