// SPDX-License-Identifier: MIT
// A file of format 1.0 as written in November 2026 must stay readable for ever.
#include "run_samples.hpp"

namespace isoflop {
namespace {

constexpr const char* kStored = ISOFLOP_SOURCE_DIR "/tests/core/run/data/v1.0.h5";

TEST(StoredFile, version_1_0_is_read_in_full) {
  const RunFile run = read_run_or_throw(kStored);
  EXPECT_EQ(run.header.identity.run_id, "tiny-1");
  EXPECT_EQ(run.header.config.n_params, 1'000'000);
  EXPECT_EQ(run.header.config.yaml, sample_header().config.yaml);
  EXPECT_EQ(run.header.layout.strategy, "fsdp");
  EXPECT_EQ(run.header.prediction.step_s, 0.5);
  EXPECT_EQ(run.header.unit_names, sample_header().unit_names);
  EXPECT_EQ(run.state, RunState::done);
  EXPECT_EQ(run.steps.size(), 12U);
  expect_sample_steps(run, 12);
  ASSERT_EQ(run.evals.size(), 1U);
  EXPECT_EQ(run.evals[0].loss, 3.25);
  ASSERT_EQ(run.events.size(), 1U);
  EXPECT_EQ(run.events[0].kind, EventKind::end);
  ASSERT_EQ(run.rank_times.size(), 1U);
  EXPECT_EQ(run.rank_times[0].step_s, (std::vector<float>{0.25F, 0.5F}));
}

}  // namespace
}  // namespace isoflop
