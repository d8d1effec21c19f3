// SPDX-License-Identifier: MIT
#include "planner/sbatch_writer.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "core/model/model_config.hpp"
#include "core/parallel/checkpoint_size.hpp"
#include "planner/planner_fixtures.hpp"
#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"

#include <fmt/format.h>

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
  plan.choice.budget.split.job_s = wall_s;
  plan.choice.budget.rules.signal_lead_s = 65;
  plan.choice.layout.step_time.matmul_s = 2.5;
  plan.config.run.name = "demo-run";
  plan.config.schedule.steps = 1000;
  return plan;
}

/// The stored file; with ISOFLOP_UPDATE_GOLDEN set it is `script` from then on.
std::string golden(const std::string& name, const std::string& script) {
  const std::filesystem::path file =
      std::filesystem::path(ISOFLOP_SOURCE_DIR) / "tests/planner/golden" / name;
  if (std::getenv("ISOFLOP_UPDATE_GOLDEN") != nullptr) write_text_file(file, script);
  return read_text_file(file);
}

void expect_golden(const std::string& name, const std::string& script) {
  EXPECT_EQ(script, golden(name, script));
}

int shell(const std::string& command) {
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(SbatchWriter, whole_gpu_nodes_match_the_golden_script) {
  const Cluster cluster = test::h100_cluster();
  const Plan plan = plan_on(cluster.partitions.front(), {16, 8}, 86400);
  expect_golden("gpu_whole_nodes.sbatch", write_sbatch(plan, context()));
}

/// The largest job of the first partition of every cluster file that ships.
TEST(SbatchWriter, every_cluster_matches_its_golden_script) {
  int count = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(ISOFLOP_SOURCE_DIR "/configs/clusters")) {
    const Cluster cluster = load_cluster(entry.path(), test::catalog());
    const Partition& partition = cluster.partitions.front();
    const Plan plan = plan_on(partition, {partition.nodes, partition.devices_per_node},
                              partition.time_limit_s.value_or(86400));
    expect_golden("clusters/" + entry.path().stem().string() + ".sbatch",
                  write_sbatch(plan, context()));
    ++count;
  }
  EXPECT_GE(count, 9);
}

class Chains : public testing::TestWithParam<ChainMode> {};

TEST_P(Chains, match_their_golden_scripts) {
  Cluster cluster = test::h100_cluster();
  cluster.partitions.front().job.chain = GetParam();
  Plan plan = plan_on(cluster.partitions.front(), {16, 8}, 86400);
  plan.choice.budget.split.jobs = 3;
  expect_golden("chain_" + enum_name(kChainModeNames, GetParam()) + ".sbatch",
                write_sbatch(plan, context()));
}

INSTANTIATE_TEST_SUITE_P(SbatchWriter, Chains,
                         testing::Values(ChainMode::dependency, ChainMode::array, ChainMode::none));

TEST(SbatchWriter, containers_match_their_golden_scripts) {
  for (const char* const runtime : {"apptainer", "pyxis"}) {
    const Cluster cluster = test::cluster_of(
        "name: site\n"
        "partitions:\n"
        "  - {name: a, nodes: 4, gpu: 'gpu:a100:4', inter_node_gb_per_s_per_node: 50,\n"
        "     export: none, switches: '1@10:00', mail_user: ada@example.org,\n"
        "     mail_type: [FAIL, TIME_LIMIT_80], exclude: [a03, a04],\n"
        "     sbatch_options: ['--nice=100', '--licenses=scratch:1', --no-kill],\n"
        "     srun_options: [--cpu-bind=cores],\n"
        "     container: {" +
        std::string(runtime) +
        ": /images/my isoflop.sif, mounts: ['/data:/data'],\n"
        "                 bin: /opt/isoflop/bin}}\n");
    const Plan plan = plan_on(cluster.partitions.front(), {2, 4}, 7200);
    expect_golden(std::string(runtime) + ".sbatch", write_sbatch(plan, context()));
  }
}

TEST(SbatchWriter, cpu_ranks_match_the_golden_script) {
  const Cluster cluster = test::cpu_cluster();
  const Plan plan = plan_on(cluster.partitions.front(), {1, 1}, 180);
  expect_golden("cpu_part_of_a_node.sbatch", write_sbatch(plan, context()));
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
  expect_golden("site_settings.sbatch", write_sbatch(plan, context()));
}

TEST(SbatchWriter, a_pilot_matches_the_golden_script) {
  const Cluster cluster = test::cpu_cluster();
  const Plan plan = plan_on(cluster.partitions.front(), {1, 1}, 180);
  PilotPlan pilot;
  pilot.runs.resize(2);
  pilot.wall_s = 120;
  pilot.runs.front().config.run.name = "demo-run-pilot";
  expect_golden(
      "pilot.sbatch",
      write_pilot_sbatch(plan, pilot, {"/p/x/pilot.yaml", "/p/x/pilot 2.yaml"}, context()));
}

// Two checkpoints are kept and one is being written, of 131 files each.
TEST(SbatchWriter, a_preflight_matches_the_golden_script) {
  const Cluster cluster = test::h100_cluster();
  Plan plan = plan_on(cluster.partitions.front(), {16, 8}, 86400);
  plan.choice.shape = load_model(ISOFLOP_SOURCE_DIR "/configs/models/quick.yaml");
  const std::string script =
      write_preflight_sbatch(plan, plan_files_in("/home/ada/plans/x"), context());
  expect_golden("preflight.sbatch", script);
  const int64_t bytes = 3 * checkpoint_bytes(plan.choice.shape, OptimizerKind::adamw);
  EXPECT_THAT(script, HasSubstr(fmt::format("the checkpoints need {}\"", 1 + bytes / (1 << 20))));
  EXPECT_THAT(script, HasSubstr("the checkpoints are 393"));
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
                  "SLURM_JOB_ID=1 PATH=.:$PATH bash ./script >/dev/null 2>&1"),
            8);
  EXPECT_THAT(read_text_file(dir / "started"), HasSubstr("two.yaml"));
}

TEST(SbatchWriter, golden_scripts_pass_shellcheck) {
  if (shell("command -v shellcheck >/dev/null") != 0) return;  // a tool of developers, not of users
  EXPECT_EQ(shell("cd " ISOFLOP_SOURCE_DIR
                  "/tests/planner/golden && shellcheck *.sbatch clusters/*.sbatch sweep/*.sbatch"),
            0);
}

/// Leaves what a training that comes to its end leaves.
constexpr const char* kSrunToTheEnd =
    "#!/bin/sh\nmkdir -p runs/demo-run.checkpoints/step-00001000\n";

/// As srun does where it cannot start a rank on a node that has just come back.
TEST(SbatchWriter, an_srun_that_does_nothing_is_no_success) {
  const test::TempDir dir;
  const Cluster cluster = test::cpu_cluster();
  ScriptContext where = context();
  where.plan_file = dir / "plan.yaml";
  where.bin_dir = dir.path();
  for (const char* const file : {"trainer", "plan.yaml"}) write_text_file(dir / file, "");
  write_text_file(dir / "srun", "#!/bin/sh\n");
  write_text_file(dir / "scontrol", "#!/bin/sh\necho \"$@\" >asked\n");
  write_text_file(dir / "script",
                  write_sbatch(plan_on(cluster.partitions.front(), {1, 1}, 180), where));
  EXPECT_EQ(
      shell("cd " + dir.path().string() + " && chmod +x srun scontrol && unset ISOFLOP_BIN && " +
            "SLURM_JOB_ID=17 PATH=.:$PATH bash ./script >/dev/null 2>&1"),
      1);
  EXPECT_EQ(read_text_file(dir / "asked"), "requeue 17\n");
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
  write_text_file(dir / "srun", kSrunToTheEnd);
  write_text_file(dir / "script", write_sbatch(plan_on(partition, {1, 1}, 180), where));
  EXPECT_EQ(shell("cd " + dir.path().string() + " && chmod +x srun && unset ISOFLOP_BIN && " +
                  "SLURM_JOB_ID=1 PATH=.:$PATH bash ./script >/dev/null 2>&1"),
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
  write_text_file(dir / "srun", kSrunToTheEnd);
  write_text_file(dir / "script", write_sbatch(plan_on(partition, {1, 1}, 180), where));
  const std::string run =
      "cd " + dir.path().string() +
      " && chmod +x srun && unset ISOFLOP_BIN && SLURM_JOB_ID=1 PATH=.:$PATH bash -c " +
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
  budget.rules.signal_lead_s = 81;
  budget.split.margin_s = 8000;
  EXPECT_EQ(signal_lead_s(budget), 81);
  budget.split.margin_s = 100;
  EXPECT_FALSE(signal_lead_s(budget).has_value());
  budget.split.jobs = 2;
  EXPECT_EQ(signal_lead_s(budget), 81) << "a job of a chain always stops in time";
}

TEST(SbatchWriter, every_variable_of_nccl_has_a_reason) {
  Cluster cluster = test::h100_cluster();
  Partition& partition = cluster.partitions.front();
  const Plan plan = plan_on(partition, {1, 8}, 7200);
  partition.job.environment = {{"NCCL_P2P_DISABLE", "1"}};
  EXPECT_THAT(test::message_of<ConfigError>([&] { write_sbatch(plan, context()); }),
              HasSubstr("NCCL_P2P_DISABLE is set to '1' without a reason"));
  partition.job.environment.front().why = "hangs on these boards";
  EXPECT_THAT(write_sbatch(plan, context()),
              HasSubstr("# hangs on these boards\nexport NCCL_P2P_DISABLE=1\n"));
}

}  // namespace
}  // namespace isoflop
