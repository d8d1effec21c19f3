// SPDX-License-Identifier: MIT
// On the fast CPU ops: what is run again in backward has the bits that the forward pass left, in
// every precision and whatever order streams run in.
#include "tiny_training.hpp"
#include "trainer/session.hpp"

#include <gtest/gtest.h>

#include <ostream>
#include <vector>

namespace isoflop {
namespace {

using Statistics = std::vector<double>;

constexpr int64_t kLayers = 4;

struct Variant {
  const char* name;
  void (*edit)(ModelShape& shape);
};

constexpr Variant kVariants[] = {
    {"llama", [](ModelShape&) {}},
    {"gpt2_dropout",
     [](ModelShape& shape) {
       shape = test::tiny_gpt2();
       shape.dropout = 0.1;
     }},
    {"qk_norm", [](ModelShape& shape) { shape.qk_norm = true; }},
    {"manual_dropout",
     [](ModelShape& shape) {
       shape.attention_backend = AttentionBackend::manual;
       shape.dropout = 0.1;
     }},
    {"postnorm_dropout",
     [](ModelShape& shape) {
       shape.norm_position = NormPosition::post;
       shape.dropout = 0.1;
     }},
};

struct RecomputeCase {
  Variant variant;
  Precision precision;
};

void PrintTo(const RecomputeCase& c, std::ostream* out) {
  *out << c.variant.name << '_' << to_string(c.precision);
}

std::vector<RecomputeCase> recompute_cases() {
  std::vector<RecomputeCase> cases;
  for (const Variant& variant : kVariants)
    for (const Precision precision : {Precision::fp32, Precision::bf16, Precision::fp16})
      cases.push_back({variant, precision});
  return cases;
}

std::vector<RecomputePlan> plans() {
  constexpr BlockParts kFull(Recompute::full);
  constexpr BlockParts kSelective(Recompute::selective);
  constexpr BlockParts kNorms = {BlockPart::norms};
  constexpr BlockParts kActivations = {BlockPart::activations};
  return {kNorms,
          kActivations,
          BlockParts{BlockPart::attention},
          kSelective,
          kFull,
          RecomputePlan({{0, 1, kFull}, {3, 3, kNorms}}),
          RecomputePlan({{0, 0, kSelective}, {1, 2, kFull}, {3, 3, kActivations}})};
}

class Recomputation : public testing::TestWithParam<RecomputeCase> {
 protected:
  /// Sums, squares and extremes (f64) of every tensor's gradient in the second step: of two micro
  /// batches, after one update.
  Statistics gradients(const RecomputePlan& plan, const CpuDeviceOptions& options) const {
    ModelShape shape = test::tiny_llama();
    GetParam().variant.edit(shape);
    shape.n_layer = kLayers;
    TrainConfig config = test::tiny_config(shape, data_.folder());
    config.precision = GetParam().precision;
    config.layout.recompute = plan;
    config.layout.micro_batch_size = 4;
    SingleLaunch alone("here");
    Session session =
        test::make_session(config, alone, make_cpu_backend(options, GetParam().precision));
    for (int64_t step = 1; step <= 2; ++step) enqueue_step(session, step);
    const StepReadback results = session.io().wait(2);
    Statistics statistics(results.sums.begin(), results.sums.end());
    statistics.insert(statistics.end(), results.extremes.begin(), results.extremes.end());
    return statistics;
  }
  test::TinyData data_;
};

TEST_P(Recomputation, gives_the_bits_of_saved_activations) {
  const Statistics saved = gradients(Recompute::none, {});
  for (const RecomputePlan& plan : plans()) {
    EXPECT_EQ(gradients(plan, {}), saved) << to_string(plan);
    EXPECT_EQ(gradients(plan, {.mode = CpuStreamMode::deferred, .schedule_seed = 5}), saved)
        << to_string(plan) << ", streams deferred";
  }
}

INSTANTIATE_TEST_SUITE_P(All, Recomputation, testing::ValuesIn(recompute_cases()),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace isoflop
