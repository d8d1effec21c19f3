// SPDX-License-Identifier: MIT
// Runs on 1, 2, 4 and 8 ranks: the same gradients and losses as one rank that holds everything,
// however the training is spread and in whatever order streams run. Pairs of all settings by
// default; with ISOFLOP_FULL_PRODUCT in the environment every combination of strategy, optimizer,
// recomputation, dropout and accumulation.
#include "support/pairwise.hpp"
#include "tiny_training.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <map>
#include <ostream>
#include <tuple>

namespace isoflop {
namespace {

using test::Arithmetic;
using test::largest_difference;
using test::make_backend;

enum class Model { llama, gpt2_tied, post_norm_tied };
enum class Units { blocks, merged, not_resharded };  // of fsdp and hsdp

constexpr std::array kStrategies = {ParallelStrategy::ddp, ParallelStrategy::zero1,
                                    ParallelStrategy::zero2, ParallelStrategy::fsdp,
                                    ParallelStrategy::hsdp};
constexpr std::array kOptimizers = {OptimizerKind::adamw, OptimizerKind::muon};
constexpr std::array kRecomputes = {Recompute::none, Recompute::selective, Recompute::full};
constexpr std::array kDropouts = {0.0, 0.1};
constexpr std::array<int64_t, 2> kAccumulations = {1, 2};
constexpr std::array kModels = {Model::llama, Model::gpt2_tied, Model::post_norm_tied};
constexpr std::array kUnits = {Units::blocks, Units::merged, Units::not_resharded};

struct ParallelCase {
  ParallelStrategy strategy;
  OptimizerKind optimizer;
  Recompute recompute;
  double dropout;
  int64_t grad_accum_steps;
  Model model;
  Units units;

  bool operator==(const ParallelCase&) const = default;
};

void PrintTo(const ParallelCase& c, std::ostream* out) {
  constexpr std::array kModelNames = {"llama", "gpt2_tied", "post_norm_tied"};
  constexpr std::array kRecomputeTexts = {"", "_selective", "_full"};
  constexpr std::array kUnitNames = {"", "_merged", "_not_resharded"};
  *out << enum_name(kStrategyNames, c.strategy)
       << (c.optimizer == OptimizerKind::muon ? "_muon" : "_adamw")
       << kRecomputeTexts[static_cast<std::size_t>(c.recompute)]
       << (c.dropout > 0 ? "_dropout" : "") << "_accumulate" << c.grad_accum_steps << '_'
       << kModelNames[static_cast<std::size_t>(c.model)]
       << kUnitNames[static_cast<std::size_t>(c.units)];
}

ParallelCase case_of(const test::Row& row) {
  ParallelCase c{.strategy = kStrategies[row[0]],
                 .optimizer = kOptimizers[row[1]],
                 .recompute = kRecomputes[row[2]],
                 .dropout = kDropouts[row[3]],
                 .grad_accum_steps = kAccumulations[row[4]],
                 .model = kModels[row[5]],
                 .units = kUnits[row[6]]};
  if (!shards_parameters(c.strategy)) c.units = Units::blocks;
  return c;
}

/// The full product takes model and units in turn.
std::vector<ParallelCase> parallel_cases() {
  std::vector<ParallelCase> cases;
  const std::vector<std::size_t> product = {kStrategies.size(), kOptimizers.size(),
                                            kRecomputes.size(), kDropouts.size(),
                                            kAccumulations.size()};
  if (std::getenv("ISOFLOP_FULL_PRODUCT") != nullptr) {
    for (test::Row row : test::all_rows(product)) {
      row.push_back(cases.size() % 3);
      row.push_back(cases.size() / 3 % 3);
      cases.push_back(case_of(row));
    }
    return cases;
  }
  std::vector<std::size_t> factors = product;
  factors.insert(factors.end(), {kModels.size(), kUnits.size()});
  for (const test::Row& row : test::pairwise_rows(factors)) {
    const ParallelCase c = case_of(row);
    if (std::find(cases.begin(), cases.end(), c) == cases.end()) cases.push_back(c);
  }
  return cases;
}

ModelShape shape_of(Model model) {
  ModelShape shape = model == Model::llama ? test::tiny_llama() : test::tiny_gpt2();
  shape.n_layer = 3;
  if (model != Model::llama) shape.tied_embeddings = true;
  if (model == Model::post_norm_tied) {
    shape.norm_position = NormPosition::post;
    shape.norm = NormKind::rmsnorm;
  }
  return shape;
}

/// 20 steps of 16 sequences.
TrainConfig config_alone(const ParallelCase& c, const std::filesystem::path& data) {
  TrainConfig config = test::tiny_config(shape_of(c.model), data);
  config.model.dropout = c.dropout;
  config.optimizer.kind = c.optimizer;
  config.layout.global_batch_size = config.layout.micro_batch_size = 16;
  return config;
}

TrainConfig config_spread(const ParallelCase& c, const std::filesystem::path& data, int n_rank) {
  TrainConfig config = config_alone(c, data);
  LayoutConfig& layout = config.layout;
  layout.strategy = c.strategy;
  layout.micro_batch_size = layout.global_batch_size / (n_rank * c.grad_accum_steps);
  layout.recompute = c.recompute;
  if (c.strategy == ParallelStrategy::hsdp) layout.n_shard = std::max(1, n_rank / 2);
  if (c.units == Units::merged) layout.fsdp.min_unit_params = 3000;  // a block has about 2000
  layout.fsdp.reshard_after_forward = c.units != Units::not_resharded;
  return config;
}

std::vector<double> to_doubles(TensorView flat) {
  std::vector<double> values;
  for (int64_t i = 0; i < flat.size(); ++i)
    values.push_back(flat.dtype == DType::f32 ? static_cast<double>(flat.as<float>()[i])
                                              : flat.as<double>()[i]);
  return values;
}

/// Elements of every tensor of the model, tensor by tensor.
using Tensors = std::vector<std::vector<double>>;

/// The gradients of the first step, from the shards of all ranks of a shard group.
Tensors first_gradients(Session& session) {
  session.begin_step(1);
  for (int64_t micro_step = 0; micro_step < session.micro_steps(1); ++micro_step) {
    const Batch batch = session.load(1, micro_step);
    session.model().forward(batch);
    session.model().backward(batch, session.io().loss_sums(), session.grad_scale(1),
                             session.io().state());
  }
  Device& device = *session.backend().device;
  const FlatShard& shard = session.parameters().shard();
  const FlatLayout& layout = shard.layout();
  const Event final = session.parameters().gradients_final();
  Tensors gradients;
  for (std::size_t u = 0; u < layout.units.size(); ++u) {
    const FlatUnit& unit = layout.units[u];
    const TensorView part = shard.grads_of(static_cast<int64_t>(u));
    const Buffer memory =
        device.allocate(unit.size * size_of(part.dtype), MemoryCategory::workspace);
    const TensorView whole = memory.view(part.dtype, {unit.size});
    device.synchronize(session.collectives().all_gather(whole, part, Group::shard,
                                                        device.communication_stream(), final));
    for (const FlatSegment& segment : unit.segments)
      gradients.push_back(to_doubles(whole.flat_slice(segment.offset, {segment.tensor.size()})));
  }
  return gradients;
}

struct Outcome {
  Tensors gradients;
  std::vector<double> losses;
};

Outcome outcome_of(const TrainConfig& config, Launch& launch, Arithmetic arithmetic) {
  Session session = test::make_session(config, launch, make_backend(arithmetic));
  return {first_gradients(session), test::train_losses(config, launch, make_backend(arithmetic))};
}

double norm(const std::vector<double>& values) {
  double squares = 0;
  for (const double value : values) squares += value * value;
  return std::sqrt(squares);
}

/// Largest over tensors of |difference| / |expected|; of a tensor whose gradient is 0 but for
/// rounding (a key's bias), relative to the largest of all.
double gradient_error(const Tensors& expected, const Tensors& actual) {
  double largest_norm = 0;
  for (const std::vector<double>& tensor : expected)
    largest_norm = std::max(largest_norm, norm(tensor));
  double largest = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    std::vector<double> difference = actual.at(i);
    for (std::size_t k = 0; k < difference.size(); ++k) difference[k] -= expected[i].at(k);
    const double size = norm(expected[i]);
    largest =
        std::max(largest, norm(difference) / (size > 1e-4 * largest_norm ? size : largest_norm));
  }
  return largest;
}

const test::TinyData& data() {
  static const test::TinyData data(2000);
  return data;
}

class ParallelEquivalence : public testing::TestWithParam<ParallelCase> {
 protected:
  TrainConfig config() const { return config_spread(GetParam(), data().folder(), n_rank_); }
  Outcome spread(Arithmetic arithmetic) const { return outcome_of(config(), *job_, arithmetic); }
  /// One rank that holds everything and takes the whole batch at once; kept for the cases that
  /// share it.
  const Outcome& alone(Arithmetic arithmetic) const {
    const ParallelCase& c = GetParam();
    static std::map<std::tuple<Model, OptimizerKind, double, Arithmetic>, Outcome> known;
    const auto key = std::tuple(c.model, c.optimizer, c.dropout, arithmetic);
    if (!known.contains(key)) {
      SingleLaunch one_rank("here");
      known[key] = outcome_of(config_alone(c, data().folder()), one_rank, arithmetic);
    }
    return known.at(key);
  }
  std::vector<double> few_losses(const CpuDeviceOptions& options) const {
    TrainConfig few = config();
    few.schedule.steps = 5;
    return test::train_losses(few, *job_, make_backend(Arithmetic::f32, options));
  }
  const std::unique_ptr<Launch> job_ = make_launch(nullptr, nullptr);
  const int n_rank_ = job_->info().world_size;
};

// f32 sums in another order differ by some 1e-7 of a loss of 4; AdamW's square root lets small
// gradients carry such differences into the parameters, which adds up over the steps.
TEST_P(ParallelEquivalence, gradients_and_losses_are_those_of_one_rank) {
  const Outcome& expected = alone(Arithmetic::f32);
  const Outcome actual = spread(Arithmetic::f32);
  EXPECT_LT(actual.losses.back(), actual.losses.front() - 0.3) << "nothing was learnt";
  EXPECT_LT(gradient_error(expected.gradients, actual.gradients), 1e-5);
  EXPECT_LT(largest_difference(expected.losses, actual.losses, 5), 1e-5);
  EXPECT_LT(largest_difference(expected.losses, actual.losses, 20), 1e-4);
}

TEST_P(ParallelEquivalence, gradients_and_losses_are_those_of_one_rank_to_ten_digits_in_f64) {
  const Outcome& expected = alone(Arithmetic::f64);
  const Outcome actual = spread(Arithmetic::f64);
  EXPECT_LT(gradient_error(expected.gradients, actual.gradients), 1e-10);
  EXPECT_LT(largest_difference(expected.losses, actual.losses, 20), 1e-10);
}

TEST_P(ParallelEquivalence, neither_repetition_nor_the_order_of_streams_changes_a_bit) {
  const std::vector<double> in_order = few_losses({});
  EXPECT_EQ(few_losses({}), in_order);
  for (const uint64_t seed : {1, 2})
    EXPECT_EQ(few_losses({.mode = CpuStreamMode::deferred, .schedule_seed = seed}), in_order)
        << "schedule " << seed;
}

INSTANTIATE_TEST_SUITE_P(All, ParallelEquivalence, testing::ValuesIn(parallel_cases()),
                         testing::PrintToStringParamName());

// What the comparisons above must be able to notice: one sequence in sixteen that is another.
TEST(ParallelEquivalence, another_sequence_in_the_batch_is_noticed) {
  const ParallelCase c{ParallelStrategy::ddp, OptimizerKind::adamw, Recompute::none, 0, 1,
                       Model::llama,          Units::blocks};
  const test::TinyData other_data(2000 - 2 * test::kTinySeqLen);
  SingleLaunch one_rank("here");
  const Outcome original = outcome_of(config_alone(c, data().folder()), one_rank, Arithmetic::f32);
  const Outcome other = outcome_of(config_alone(c, other_data.folder()), one_rank, Arithmetic::f32);
  EXPECT_GT(gradient_error(original.gradients, other.gradients), 1e-3);
  EXPECT_GT(largest_difference(original.losses, other.losses, 5), 1e-3);
}

// Two rows of every pair of values, as counted by hand for three factors of two: four rows do.
TEST(PairwiseRows, cover_every_pair_in_few_rows) {
  const std::vector<test::Row> rows = test::pairwise_rows({2, 2, 2});
  EXPECT_EQ(rows.size(), 4U);
  for (std::size_t a = 0; a < 3; ++a)
    for (std::size_t b = a + 1; b < 3; ++b) {
      std::set<std::pair<std::size_t, std::size_t>> seen;
      for (const test::Row& row : rows) seen.insert({row[a], row[b]});
      EXPECT_EQ(seen.size(), 4U) << a << ' ' << b;
    }
}

}  // namespace
}  // namespace isoflop
