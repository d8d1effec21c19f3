// SPDX-License-Identifier: MIT
// Rows that stay in the file against the same rows read into memory.
#include "core/run/step_rows.hpp"

#include "core/base/error.hpp"
#include "core/run/run_set.hpp"
#include "run_samples.hpp"

#include <fstream>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kSteps = 2 * StepRows::kBlockRows + 100;

class StepRowsTest : public RunFolder {
 protected:
  /// A start with steps `first` to `last`.
  fs::path written(const std::string& name, int32_t segment, int64_t first, int64_t last) const {
    RunHeader header = sample_header();
    header.identity.segment = segment;
    header.identity.resumed_from_step = first - 1;
    RunWriter writer(file(name), header);
    for (int64_t step = first; step <= last; ++step) writer.append(sample_step(step));
    writer.append(GradientRecord{.step = last, .time = 1});
    writer.append(EvalRecord{.step = last, .time = 1, .loss = 2});
    writer.set_state(RunState::done);
    return file(name);
  }
};

TEST_F(StepRowsTest, rows_of_a_file_are_those_in_memory) {
  const fs::path path = written("a.h5", 0, 1, kSteps);
  const RunSet set = load_runs(std::span(&path, 1), RunReading::for_tables);
  const StepRows& rows = set.runs.at(0).segments.at(0).steps;
  ASSERT_EQ(rows.size(), static_cast<std::size_t>(kSteps));
  EXPECT_EQ(rows.front().step, 1);
  EXPECT_EQ(rows.back().step, kSteps);
  int64_t step = 0;
  for (const StepRecord& row : rows) {
    const StepRecord expected = sample_step(++step);
    ASSERT_EQ(row.step, step);
    ASSERT_EQ(row.loss, expected.loss);
    ASSERT_EQ(row.mfu, expected.mfu);
    ASSERT_EQ(row.forward_s, std::nullopt);
  }
  EXPECT_EQ(step, kSteps);
  for (const std::size_t row : {std::size_t{0}, StepRows::kBlockRows - 1, StepRows::kBlockRows})
    EXPECT_EQ(rows[row].step, static_cast<int64_t>(row) + 1);
}

TEST_F(StepRowsTest, two_walks_at_a_time_do_not_disturb_each_other) {
  const fs::path path = written("a.h5", 0, 1, kSteps);
  const StepRows rows = StepRows::of_file(path, kSteps);
  auto ahead = rows.begin();
  for (std::size_t row = 0; row < StepRows::kBlockRows; ++row) ++ahead;
  auto behind = rows.begin();
  for (; ahead != rows.end(); ++ahead, ++behind)
    ASSERT_EQ(ahead->step - behind->step, static_cast<int64_t>(StepRows::kBlockRows));
}

TEST_F(StepRowsTest, rows_that_a_later_start_did_again_are_dropped) {
  const std::vector<fs::path> paths{written("a.s000.h5", 0, 1, kSteps),
                                    written("a.s001.h5", 1, 20'001, 20'100)};
  for (const RunReading reading : {RunReading::for_tables, RunReading::whole}) {
    const TrainingRun run = load_runs(paths, reading).runs.at(0);
    EXPECT_EQ(run.lost_steps, kSteps - 20'000);
    EXPECT_EQ(run.segments[0].steps.size(), 20'000U);
    EXPECT_EQ(run.segments[0].steps.back().step, 20'000);
    EXPECT_EQ(run.segments[0].evals.size(), 0U);
  }
}

TEST_F(StepRowsTest, tables_need_no_gradients) {
  const fs::path path = written("a.h5", 0, 1, 10);
  EXPECT_EQ(load_runs(std::span(&path, 1), RunReading::whole).runs[0].last().gradients.size(), 1U);
  EXPECT_TRUE(
      load_runs(std::span(&path, 1), RunReading::for_tables).runs[0].last().gradients.empty());
}

TEST_F(StepRowsTest, a_file_that_went_away_is_named) {
  const fs::path path = written("a.h5", 0, 1, 10);
  const StepRows rows = StepRows::of_file(path, 10);
  std::ofstream(path, std::ios::trunc) << "another";
  EXPECT_THROW(rows[0], FileError);
}

TEST_F(StepRowsTest, many_files_are_read_in_order_with_the_bad_ones_named) {
  const std::vector<fs::path> paths{written("a.h5", 0, 1, 10), file("none.h5"),
                                    written("b.h5", 0, 1, 20)};
  std::vector<std::size_t> sizes;
  read_runs(paths, RunReading::for_tables, [&](const RunReadResult& result) {
    const auto* run = std::get_if<RunFile>(&result);
    sizes.push_back(run == nullptr ? 0 : run->steps.size());
  });
  EXPECT_EQ(sizes, (std::vector<std::size_t>{10, 0, 20}));
}

TEST(StepRowsInMemory, are_dropped_beyond_a_step) {
  StepRows rows(std::vector<StepRecord>{{.step = 3}, {.step = 5}, {.step = 8}});
  EXPECT_EQ(rows.drop_beyond(9), 0U);
  EXPECT_EQ(rows.drop_beyond(5), 1U);
  EXPECT_EQ(rows.back().step, 5);
  EXPECT_EQ(rows.drop_beyond(0), 2U);
  EXPECT_TRUE(rows.empty());
}

}  // namespace
}  // namespace isoflop
