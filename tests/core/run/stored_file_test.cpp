// SPDX-License-Identifier: MIT
// Files of each format version, as written by programs of that version, stay readable for ever.
#include "run_samples.hpp"

#include <gmock/gmock.h>

namespace isoflop {
namespace {

constexpr const char* kFolder = ISOFLOP_SOURCE_DIR "/tests/core/run/data/";

RunFile stored(const std::string& name) { return read_run_or_throw(kFolder + name); }

TEST(StoredFile, version_1_0_is_read_in_full) {
  const RunFile run = stored("v1.0.h5");
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
  EXPECT_THAT(run.rank_times[0].comm_s, testing::Each(testing::IsNan()));
}

/// What both later files hold.
void expect_rows_of_every_kind(const RunFile& run) {
  EXPECT_EQ(run.state, RunState::done);
  EXPECT_EQ(run.steps.size(), 12U);
  expect_sample_steps(run, 12);
  ASSERT_EQ(run.gradients.size(), 1U);
  EXPECT_EQ(run.gradients[0].norm, 1.5F);
  EXPECT_EQ(run.gradients[0].nonfinite, 2);
  ASSERT_EQ(run.layer_norms.size(), 1U);
  EXPECT_THAT(run.layer_norms[0].parameter, testing::ElementsAre(4, 5, 6));
  EXPECT_THAT(run.layer_norms[0].update, testing::ElementsAre(7, 8, 9));
  ASSERT_EQ(run.evals.size(), 1U);
  EXPECT_EQ(run.evals[0].loss, 3.25);
  ASSERT_EQ(run.events.size(), 3U);
  EXPECT_EQ(run.events[0].kind, EventKind::decay);
  EXPECT_EQ(run.events[1].kind, EventKind::loss_scale);
  ASSERT_EQ(run.rank_times.size(), 1U);
  EXPECT_EQ(run.rank_times[0].step, 10);
  EXPECT_THAT(run.rank_times[0].step_s, testing::ElementsAre(0.25F, 0.5F));
}

TEST(StoredFile, version_1_1_is_read_in_full_and_what_ranks_waited_is_missing) {
  const RunFile run = stored("v1.1.h5");
  expect_rows_of_every_kind(run);
  ASSERT_EQ(run.rank_times[0].comm_s.size(), 2U);
  EXPECT_THAT(run.rank_times[0].comm_s, testing::Each(testing::IsNan()));
}

TEST(StoredFile, version_1_2_is_read_in_full) {
  const RunFile run = stored("v1.2.h5");
  expect_rows_of_every_kind(run);
  EXPECT_THAT(run.rank_times[0].comm_s, testing::ElementsAre(0.125F, 0.0F));
}

}  // namespace
}  // namespace isoflop
