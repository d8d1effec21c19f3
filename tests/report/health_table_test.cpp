// SPDX-License-Identifier: MIT
#include "core/run/segment_samples.hpp"
#include "report/mfu_diagnosis.hpp"
#include "report/tables.hpp"

#include <gmock/gmock.h>

namespace isoflop {
namespace {

using ::testing::HasSubstr;

/// The row of a check; empty when the table has none.
std::vector<Cell> row_of(const TrainingRun& run, const std::string& check) {
  Table table = health_table();
  add_health(run, summarize(run), table);
  for (const std::vector<Cell>& row : table.rows) {
    if (row[2] == Cell(check)) return row;
  }
  return {};
}

std::string finding(const TrainingRun& run, const std::string& check) {
  const std::vector<Cell> row = row_of(run, check);
  return row.empty() ? "" : std::get<std::string>(row[6]);
}

/// Two hosts of two ranks; a step takes 1 s, of which all but the last rank wait `wait_s`.
TrainingRun two_hosts(float wait_s) {
  TrainingRun run = sample_run("a", 20);
  RunFile& file = run.segments[0];
  file.header.hardware.world_size = 4;
  for (int32_t rank = 0; rank < 4; ++rank)
    file.header.hardware.nodes.push_back({.rank = rank, .node = rank < 2 ? "n1" : "n2"});
  file.rank_times = {{10, {1, 1, 1, 1}, {wait_s, wait_s, wait_s, 0}}};
  return run;
}

TEST(HealthTable, a_host_whose_rank_the_others_wait_for_is_a_straggler) {
  EXPECT_THAT(finding(two_hosts(0.5F), "straggler"),
              HasSubstr("n2: 1.00 s of own work a step, 100 % above the median of 4 ranks"));
  EXPECT_EQ(row_of(two_hosts(0.5F), "straggler")[4], Cell(0.5 * 20));
  EXPECT_EQ(finding(two_hosts(0.05F), "straggler"), "");
}

TEST(HealthTable, spikes_and_skipped_steps_are_counted_and_the_first_five_named) {
  TrainingRun run = sample_run("a", 20);
  EXPECT_TRUE(row_of(run, "spikes").empty());
  EXPECT_TRUE(row_of(run, "skipped steps").empty());
  for (std::size_t row = 3; row < 9; ++row)
    run.segments[0].steps.in_memory()[row].flags = kStepSpike;
  run.segments[0].steps.in_memory()[1].flags = kStepSkipped | kStepEval;
  EXPECT_EQ(row_of(run, "spikes")[3], Cell(int64_t{6}));
  EXPECT_EQ(finding(run, "spikes"), "at step 4, 5, 6, 7, 8, ...");
  EXPECT_EQ(finding(run, "skipped steps"), "at step 2");
}

// Steps 1 to 20 end at 1001 to 1020, the first began at 1000.5: 19.5 s of wall time.
TEST(HealthTable, checkpoints_cost_the_time_that_training_waited) {
  TrainingRun run = sample_run("a", 20);
  CheckpointRecord good{.step = 10, .write_s = 2.0F, .stall_s = 1.5F, .ok = true};
  CheckpointRecord bad{.step = 20, .write_s = 4.0F, .stall_s = 0.45F, .ok = false};
  run.segments[0].checkpoints = {good, bad};
  const std::vector<Cell> row = row_of(run, "checkpoints");
  EXPECT_EQ(row[3], Cell(int64_t{2}));
  EXPECT_NEAR(std::get<double>(row[4]), 1.95, 1e-6);
  EXPECT_NEAR(std::get<double>(row[5]), 10, 1e-5);
  EXPECT_EQ(std::get<std::string>(row[6]),
            "training waited; written in 3.00 s (median); 1 not complete");
}

TEST(HealthTable, a_start_lasts_from_its_first_event_and_through_slow_first_steps) {
  TrainingRun run = sample_run("a", 20);
  run.segments[0].events = {{.time = 998.5, .kind = EventKind::start}};
  run.segments[0].steps.in_memory()[1].step_s = 1.0F;
  EXPECT_DOUBLE_EQ(std::get<double>(row_of(run, "starts")[4]), 2.5);
}

TEST(HealthTable, a_run_of_nothing_is_still_there) {
  EXPECT_EQ(finding(sample_run("a", 0), "none"), "nothing was recorded to look at");
}

/// MFU of 10 % and these shares of a step of half a second.
TrainingRun slow_run(float data, float comm, float optimizer) {
  TrainingRun run = sample_run("a", 20);
  for (StepRecord& step : run.segments[0].steps.in_memory()) {
    step.mfu = 0.1F;
    step.data_s = data / 2;
    step.comm_s = comm / 2;
    step.optimizer_s = optimizer / 2;
    step.forward_s = 0.2F * (1 - data - optimizer);
    step.backward_s = 0.3F * (1 - data - optimizer);
  }
  return run;
}

TEST(MfuDiagnosis, only_below_a_quarter) {
  EXPECT_EQ(finding(sample_run("a", 20), "low MFU"), "");
  EXPECT_THAT(finding(slow_run(0, 0, 0), "low MFU"), HasSubstr("10.0 %: "));
}

TEST(MfuDiagnosis, the_phase_that_stands_out_names_its_key) {
  EXPECT_THAT(diagnose_low_mfu(slow_run(0.4F, 0, 0)), HasSubstr("40.0 % of step time is waiting "
                                                                "for data: data.path"));
  EXPECT_THAT(
      diagnose_low_mfu(slow_run(0, 0.5F, 0)),
      HasSubstr("50.0 % of step time is exposed communication: fsdp.reshard_after_forward"));
  EXPECT_THAT(diagnose_low_mfu(slow_run(0, 0, 0.5F)), HasSubstr("the optimizer: a larger "
                                                                "layout.global_batch_size"));
  TrainingRun stalled = slow_run(0, 0, 0);
  for (StepRecord& step : stalled.segments[0].steps.in_memory())
    step.forward_s = step.backward_s = 0.1F;
  EXPECT_THAT(diagnose_low_mfu(stalled), HasSubstr("60.0 % of step time is time outside"));
}

TEST(MfuDiagnosis, without_such_a_phase_the_products_are_slow) {
  TrainingRun run = slow_run(0, 0, 0);
  EXPECT_THAT(diagnose_low_mfu(run), HasSubstr("a larger layout.micro_batch_size than 3"));
  run.segments[0].header.flops.recompute_factor = 4.0 / 3;
  EXPECT_THAT(diagnose_low_mfu(run), HasSubstr("layout.recompute: none"));
}

TEST(MfuDiagnosis, without_phases_it_says_so) {
  EXPECT_THAT(diagnose_low_mfu(sample_run("a", 20)), HasSubstr("no phases"));
}

}  // namespace
}  // namespace isoflop
