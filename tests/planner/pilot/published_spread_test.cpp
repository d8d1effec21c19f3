// SPDX-License-Identifier: MIT
#include "planner/pilot/published_spread.hpp"

#include "core/base/text_file.hpp"
#include "planner/fit/published_fit.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace isoflop {
namespace {

EstimatedRow row_of(const std::string& source, double predicted_s, double measured_s) {
  EstimatedRow row;
  row.source = source;
  row.has_full_layout = true;
  row.measured_step_s = measured_s;
  row.estimate.emplace().step.matmul_s = predicted_s;
  return row;
}

TEST(PublishedSpread, every_source_weighs_the_same) {
  const double e = std::exp(1.0);
  const std::vector<EstimatedRow> rows = {row_of("a", e, 1), row_of("a", 1, e), row_of("a", e, 1),
                                          row_of("b", 1, 1)};
  EXPECT_NEAR(step_time_spread(rows), std::sqrt(0.5), 1e-12);
  EXPECT_EQ(step_time_spread({}), 0);
}

TEST(PublishedSpread, of_programs_that_the_fit_has_not_seen_is_what_the_constant_says) {
  const CsvTable table = CsvTable::load(data_dir() / "published_runs.csv");
  const CalibrationSection section =
      CalibrationFile::load(default_calibration_file()).section("gpu");
  const RunReader reader;
  const auto programs =
      held_out_groups(published_measurements(table, reader, section.values()), HoldOut::program);
  const double spread = step_time_spread(estimate_held_out(table, reader, section, programs));
  EXPECT_NEAR(section.values().step_time_spread, spread, 0.005)
      << "set step_time_spread of data/calibration.yaml to this";
}

}  // namespace
}  // namespace isoflop
