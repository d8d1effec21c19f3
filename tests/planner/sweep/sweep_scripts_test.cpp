// SPDX-License-Identifier: MIT
#include "planner/sweep/sweep_scripts.hpp"

#include "core/base/text_file.hpp"
#include "planner/sweep/sweep_fixtures.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace isoflop {
namespace {

using testing::HasSubstr;
using testing::Not;

ScriptContext context() {
  return {.bin_dir = "/opt/isoflop/bin",
          .cluster_file = "/home/ada/cluster.yaml",
          .cluster_crc32 = 0x1a2b3c4d,
          .version = "0.1.0",
          .created = "2026-11-21T22:05:11Z"};
}

/// Two runs of the largest job and one of a single device.
Sweep fixed_sweep(const Partition& partition) {
  Sweep sweep;
  sweep.partition = &partition;
  const JobSize whole = {partition.nodes, partition.devices_per_node};
  sweep.runs = {test::fixed_run(partition, whole, 3000, "sw-b1-1"),
                test::fixed_run(partition, whole, 3100, "sw-b1-2"),
                test::fixed_run(partition, {1, 1}, 90, "sw-b2-1")};
  sweep.arrays = group_runs(sweep.runs, 3);
  return sweep;
}

/// The stored file; with ISOFLOP_UPDATE_GOLDEN set it is `script` from then on.
void expect_golden(const std::string& name, const std::string& script) {
  const std::filesystem::path file =
      std::filesystem::path(ISOFLOP_SOURCE_DIR) / "tests/planner/golden/sweep" / name;
  if (std::getenv("ISOFLOP_UPDATE_GOLDEN") != nullptr) write_text_file(file, script);
  EXPECT_EQ(script, read_text_file(file));
}

class SweepScripts : public testing::TestWithParam<const char*> {
 protected:
  SweepScripts()
      : cluster_(load_cluster(std::filesystem::path(ISOFLOP_SOURCE_DIR) / "configs/clusters" /
                                  (std::string(GetParam()) + ".yaml"),
                              test::catalog())) {}
  Cluster cluster_;
  SweepFiles files_ = sweep_files_in("/home/ada/sweeps/sw");
};

TEST_P(SweepScripts, match_the_golden_ones) {
  const Sweep sweep = fixed_sweep(cluster_.partitions.front());
  const std::string name = GetParam();
  ASSERT_EQ(sweep.arrays.size(), 2U);
  expect_golden(name + "-array.sbatch", write_array_sbatch(sweep, 1, "sw", files_, context()));
  expect_golden(name + "-report.sbatch",
                write_report_sbatch(sweep, SweepForm::kaplan, "sw", files_, context()));
}

TEST_P(SweepScripts, of_ticks_match_the_golden_ones) {
  const Partition& partition = cluster_.partitions.front();
  const std::string name = GetParam();
  expect_golden(name + "-tick.sbatch", write_tick_sbatch(partition, "sw", 30, files_, context()));
  expect_golden(name + ".scrontab", write_scrontab(partition, "sw", 240, files_, context()));
}

INSTANTIATE_TEST_SUITE_P(Clusters, SweepScripts, testing::Values("h100-16x8", "testbed"));

TEST(SweepChains, go_on_with_one_member) {
  Cluster cluster = test::h100_cluster();
  Partition& partition = cluster.partitions.front();
  const SweepFiles files = sweep_files_in("/home/ada/sweeps/sw");
  partition.job.chain = ChainMode::dependency;
  Sweep sweep = fixed_sweep(partition);
  EXPECT_THAT(write_array_sbatch(sweep, 0, "sw", files, context()),
              HasSubstr("--array=\"$SLURM_ARRAY_TASK_ID\" --export=ALL"));
  partition.job.chain = ChainMode::array;
  const std::string script = write_array_sbatch(sweep, 0, "sw", files, context());
  EXPECT_THAT(script, Not(HasSubstr("scancel")));
  EXPECT_THAT(script, HasSubstr("submit it again to go on"));
}

TEST(SweepChains, the_report_of_an_ablation_fits_nothing) {
  const Cluster cluster = test::h100_cluster();
  const Sweep sweep = fixed_sweep(cluster.partitions.front());
  const SweepFiles files = sweep_files_in("/home/ada/100% mine");
  const std::string script = write_report_sbatch(sweep, std::nullopt, "sw", files, context());
  EXPECT_THAT(script, Not(HasSubstr("fit \"${files[@]}\"")));
  EXPECT_THAT(script, Not(HasSubstr("--gpus-per-node")));
  EXPECT_THAT(script, HasSubstr("#SBATCH --output=\"/home/ada/100%% mine/logs/%x-%j.log\""));
}

}  // namespace
}  // namespace isoflop
