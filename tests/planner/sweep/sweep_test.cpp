// SPDX-License-Identifier: MIT
#include "planner/sweep/sweep.hpp"

#include "core/base/error.hpp"
#include "core/model/param_count.hpp"
#include "core/scaling/optimum.hpp"
#include "planner/hyper_parameters.hpp"
#include "planner/sweep/sweep_fixtures.hpp"
#include "support/error_matchers.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace isoflop {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

double hours_of(const Sweep& sweep) {
  double hours = 0;
  for (const SweepRun& run : sweep.runs) hours += run.plan.choice.device_hours();
  return hours;
}

TEST(Sweep, uses_what_is_allowed_and_no_more) {
  const SweepRequest request = test::sweep_request(test::h100_cluster(), 5000);
  const Sweep sweep = design_sweep(request, "/runs");
  EXPECT_LE(sweep.device_hours, 5000);
  EXPECT_GT(sweep.device_hours, 0.97 * 5000);
  EXPECT_NEAR(hours_of(sweep), sweep.device_hours, 1e-6);
  EXPECT_THAT(sweep.limited_by, IsEmpty());
}

TEST(Sweep, has_sizes_on_both_sides_of_the_optimum_at_each_budget) {
  const SweepRequest request = test::sweep_request(test::h100_cluster(), 5000);
  const Sweep sweep = design_sweep(request, "/runs");
  ASSERT_EQ(sweep.runs.size(), 15U);
  for (int budget = 0; budget < 3; ++budget) {
    const double compute = sweep.top_compute / std::pow(4, 2 - budget);
    const double best = optimum(request.plan.law, compute).n_params;
    int below = 0;
    int above = 0;
    for (const SweepRun& run : sweep.runs) {
      if (run.point.budget != budget) continue;
      EXPECT_NEAR(run.plan.choice.compute() / compute, 1, 0.01);
      below += run.plan.choice.n_params < 0.7 * best ? 1 : 0;
      above += run.plan.choice.n_params > 1.4 * best ? 1 : 0;
    }
    EXPECT_EQ(below, 2);
    EXPECT_EQ(above, 2);
  }
}

TEST(Sweep, has_one_batch_and_learning_rate_for_a_budget) {
  const Sweep sweep = design_sweep(test::sweep_request(test::h100_cluster(), 5000), "/runs");
  std::map<int, std::set<int64_t>> batches;
  for (const SweepRun& run : sweep.runs) {
    const TrainConfig& config = run.plan.config;
    batches[run.point.budget].insert(config.tokens_per_step());
    // Three digits are kept of the rate.
    EXPECT_NEAR(config.optimizer.lr / peak_learning_rate(run.point.compute), 1, 0.01);
    EXPECT_EQ(config.run.out, "/runs");
    EXPECT_GE(config.schedule.steps, kFewestSweepSteps);
  }
  for (const auto& [budget, of_budget] : batches) EXPECT_EQ(of_budget.size(), 1U) << budget;
}

TEST(Sweep, repeats_runs_with_seeds_within_the_same_hours) {
  SweepRequest request = test::sweep_request(test::h100_cluster(), 5000);
  request.spec.n_seeds = 2;
  const Sweep sweep = design_sweep(request, "/runs");
  ASSERT_EQ(sweep.runs.size(), 30U);
  EXPECT_LE(hours_of(sweep), 5000);
  EXPECT_EQ(sweep.runs[0].name(), "sw-b1-1-s1");
  EXPECT_EQ(sweep.runs[1].name(), "sw-b1-1-s2");
  EXPECT_EQ(sweep.runs[0].plan.choice.shape, sweep.runs[1].plan.choice.shape);
  EXPECT_EQ(sweep.runs[1].plan.config.run.seed, sweep.runs[0].plan.config.run.seed + 1);
}

TEST(Sweep, of_bytes_lies_around_twenty_tokens_a_parameter) {
  SweepRequest request = test::sweep_request(test::cpu_cluster(), 2);
  request.plan.text = test::byte_text();
  request.plan.seq_len = 64;
  request.spec.n_sizes = 3;
  const Sweep sweep = design_sweep(request, "/runs");
  EXPECT_FALSE(sweep.law_applies);
  EXPECT_FALSE(sweep.precision.has_value());
  for (const SweepRun& run : sweep.runs) {
    const double ratio = run.plan.choice.tokens_per_param();
    EXPECT_NEAR(std::log2(ratio / 20), std::round(std::log2(ratio / 20)), 0.6) << run.name();
  }
}

TEST(Sweep, lies_around_the_tokens_per_parameter_asked_for) {
  SweepRequest request = test::sweep_request(test::h100_cluster(), 5000);
  request.spec.tokens_per_param = 80;
  const Sweep sweep = design_sweep(request, "/runs");
  EXPECT_TRUE(sweep.law_applies);
  // The third of five sizes is the centre; shapes are the nearest of a family.
  for (const std::size_t centre : {2U, 7U, 12U})
    EXPECT_NEAR(sweep.runs[centre].plan.choice.tokens_per_param() / 80, 1, 0.2);
}

TEST(Sweep, foretells_no_precision_beyond_the_law) {
  SweepRequest request = test::sweep_request(test::h100_cluster(), 5000);
  request.plan.law.fitted_compute_flops = request.plan.law.usable_compute_flops = {1e30, 1e31};
  const Sweep sweep = design_sweep(request, "/runs");
  EXPECT_TRUE(sweep.law_applies);
  EXPECT_FALSE(sweep.precision.has_value());
}

TEST(Sweep, too_few_hours_name_what_the_smallest_takes) {
  EXPECT_THAT(test::message_of<NothingFitsError>(
                  [] { design_sweep(test::sweep_request(test::h100_cluster(), 1), "/runs"); }),
              AllOf(HasSubstr("--gpu-hours is 1 (the smallest such sweep takes about "),
                    HasSubstr("fewer --budgets, --sizes or --seeds")));
}

TEST(Sweep, more_hours_than_the_longest_run_can_use_are_left) {
  const Sweep sweep = design_sweep(test::sweep_request(test::h100_cluster(), 1e9), "/runs");
  EXPECT_LT(sweep.device_hours, 15 * 24 * 128);
  EXPECT_THAT(sweep.limited_by, HasSubstr("takes more than 24 h on 128 devices"));
}

TEST(Sweep, never_exceeds_the_allocation) {
  Cluster cluster = test::h100_cluster();
  cluster.allocation.gpu_hours = 100;
  EXPECT_THAT(test::message_of<ConfigError>(
                  [&] { design_sweep(test::sweep_request(cluster, 101), "/runs"); }),
              HasSubstr("--gpu-hours is 101 (the cluster file's allocation has 100)"));
}

TEST(Sweep, says_what_the_trainer_lacks) {
  const Cluster cluster =
      load_cluster(std::filesystem::path(ISOFLOP_SOURCE_DIR) / "configs/clusters/v100-16x4.yaml",
                   test::catalog());
  EXPECT_THAT(test::message_of<NothingFitsError>(
                  [&] { design_sweep(test::sweep_request(cluster, 5000), "/runs"); }),
              HasSubstr("this trainer cannot run there yet: needs "));
}

TEST(Sweep, of_varied_keys_trains_one_model_on_equal_tokens) {
  SweepRequest request = test::sweep_request(test::h100_cluster(), 500);
  request.spec.vary = {{"model.position_encoding", {"rope", "none"}},
                       {"optimizer.lr", {"1e-3", "2e-3"}}};
  request.spec.n_seeds = 3;
  const Sweep sweep = design_sweep(request, "/runs");
  ASSERT_EQ(sweep.runs.size(), 12U);
  EXPECT_LE(hours_of(sweep), 500);
  EXPECT_GT(hours_of(sweep), 0.9 * 500);
  EXPECT_EQ(sweep.runs[3].name(), "sw-position_encoding-rope-lr-2e-3-s1");
  const TrainConfig& last = sweep.runs.back().plan.config;
  EXPECT_EQ(last.model.position, PositionEncoding::none);
  EXPECT_DOUBLE_EQ(last.optimizer.lr, 2e-3);
  for (const SweepRun& run : sweep.runs)
    EXPECT_EQ(run.plan.config.total_tokens(), last.total_tokens());
  EXPECT_FALSE(sweep.precision.has_value());
}

TEST(Sweep, refuses_variants_that_are_one) {
  SweepRequest request = test::sweep_request(test::h100_cluster(), 500);
  request.spec.vary = {{"optimizer.lr", {"1e-3", "0.001"}}};
  EXPECT_THAT(test::message_of<ConfigError>([&] { design_sweep(request, "/runs"); }),
              HasSubstr("sw-lr-1e-3 and sw-lr-0.001 are the same run"));
}

TEST(Sweep, keeps_the_components_of_a_family) {
  SweepRequest request = test::sweep_request(test::h100_cluster(), 5000);
  ModelShape like;
  like.norm = NormKind::layernorm;
  like.ffn = FfnType::standard;
  like.tied_embeddings = true;
  request.family = like;
  const Sweep sweep = design_sweep(request, "/runs");
  for (const SweepRun& run : sweep.runs) {
    EXPECT_EQ(run.plan.config.model.norm, NormKind::layernorm);
    EXPECT_EQ(run.plan.config.model.d_ff, 4 * run.plan.config.model.d_model);
    EXPECT_TRUE(run.plan.config.model.tied_embeddings);
  }
}

}  // namespace
}  // namespace isoflop
