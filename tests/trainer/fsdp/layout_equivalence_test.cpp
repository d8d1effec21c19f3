// SPDX-License-Identifier: MIT
// A real transformer in f64: gradients, their statistics and the parameters after AdamW steps do
// not depend on how the run is spread over ranks and micro steps.
#include "sharding_cases.hpp"
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/comm/process_grid.hpp"
#include "trainer/comm/self_collectives.hpp"
#include "trainer/fsdp/parameter_engine.hpp"
#include "trainer/fsdp/parameter_init.hpp"
#include "trainer/model/transformer.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace isoflop {
namespace {

constexpr int64_t kSeqLen = 6;
constexpr int64_t kSequences = 4;  // per optimizer step, over all ranks and micro steps
constexpr int64_t kSteps = 3;

ModelShape llama(bool tied) {
  ModelShape shape;
  shape.name = "small";
  shape.n_layer = 3;
  shape.d_model = 16;
  shape.n_head = 4;
  shape.n_kv_head = 2;
  shape.d_head = 4;
  shape.d_ff = 24;
  shape.vocab_size = 29;
  shape.max_seq_len = kSeqLen;
  shape.tied_embeddings = tied;
  return shape;
}

/// What this rank holds after the last step, by the number of the tensor and the element in it, and
/// the statistics of the whole model's last gradient.
struct Outcome {
  std::map<std::pair<int64_t, int64_t>, double> grads;
  std::map<std::pair<int64_t, int64_t>, double> params;
  std::vector<double> statistics;
};

class TrainingRun {
 public:
  TrainingRun(const ModelShape& shape, const Layout& layout, const Backend& backend,
              Collectives& collectives)
      : layout_(layout),
        backend_(backend),
        collectives_(collectives),
        step_shape_{1, kSeqLen, layout.recompute},
        engine_(std::make_unique<ParameterEngine>(shape, layout, backend, collectives)),
        workspace_(device_, workspace_bytes(shape, step_shape_, backend),
                   MemoryCategory::workspace),
        model_(shape, step_shape_, backend, *engine_, not_split_, workspace_),
        state_(device_.allocate(sizeof(StepState), MemoryCategory::state)),
        statistics_(device_.allocate(7 * engine_->shard().n_tensor() * size_of(DType::f64),
                                     MemoryCategory::state)) {
    initialize_parameters(*engine_, device_, shape, 11);
  }

  Outcome run() {
    for (int64_t step = 1; step <= kSteps; ++step) train_step(step);
    for (const Stream stream : {device_.compute_stream(), device_.communication_stream()})
      device_.synchronize(device_.record(stream));
    return outcome();
  }

 private:
  void train_step(int64_t step) {
    const int64_t n_micro_step = kSequences / layout_.world_size();
    for (int64_t i = 0; i < n_micro_step; ++i) {
      engine_->begin_micro_step({i, n_micro_step});
      const Batch batch =
          make_batch(step, i * layout_.world_size() + collectives_.rank(Group::world));
      model_.forward(batch);
      model_.backward(batch, {loss_sums_, DType::f64, {2}}, 1.0 / (kSequences * kSeqLen));
    }
    device_.wait(device_.compute_stream(), engine_->gradients_final());
    reduce_statistics();
    update(step);
    engine_->parameters_changed();
  }

  /// Random tokens of a sequence; stays in memory, as enqueued work reads it.
  Batch make_batch(int64_t step, int64_t sequence) {
    std::vector<int32_t>& tokens = tokens_.emplace_back();
    for (int64_t t = 0; t <= kSeqLen; ++t)
      tokens.push_back(static_cast<int32_t>((step * 7 + sequence * 11 + t * t * 5) % 29));
    return {{tokens.data(), DType::i32, {1, kSeqLen}}, {tokens.data() + 1, DType::i32, {kSeqLen}}};
  }

  void reduce_statistics() {
    const int64_t n = engine_->shard().n_tensor();
    const TensorView all = statistics_.view(DType::f64, {5 * n});
    const TensorView sums = all.flat_slice(0, {n, 3});
    const TensorView extremes = all.flat_slice(3 * n, {n, 2});
    backend_.ops->segment_statistics(exec(), sums, extremes, engine_->shard().grads(),
                                     engine_->shard().statistics_segments());
    const Stream stream = device_.communication_stream();
    const Event ready = device_.record(device_.compute_stream());
    collectives_.all_reduce(sums, sums, ReduceOp::sum, Group::shard, stream, ready);
    device_.wait(
        device_.compute_stream(),
        collectives_.all_reduce(extremes, extremes, ReduceOp::max, Group::shard, stream, ready));
  }

  void update(int64_t step) {
    auto* const state = static_cast<StepState*>(state_.data());
    as_cpu_device(device_).enqueue(device_.compute_stream(), [state, step] {
      *state = StepState{};
      state->input.lr = 1e-2;
      state->n_update = step;
    });
    FlatShard& shard = engine_->shard();
    const int64_t n = shard.n_tensor();
    const TensorView norms = statistics_.view(DType::f64, {7 * n}).flat_slice(5 * n, {n, 2});
    for (const UpdateGroup& group : shard.update_groups())
      backend_.ops->adamw(exec(), group.params, group.m, group.v, group.grads, group.segments,
                          norms, state, {});
  }

  Outcome outcome() const {
    Outcome result;
    const FlatShard& shard = engine_->shard();
    for (const ShardPiece& piece : shard.pieces())
      for (int64_t i = 0; i < piece.size; ++i) {
        const std::pair key(piece.tensor, piece.tensor_offset + i);
        result.grads[key] = shard.grads().as<double>()[shard.grads_offset(piece) + i];
        result.params[key] = shard.params().as<double>()[shard.params_offset(piece) + i];
      }
    const auto* const statistics = static_cast<const double*>(statistics_.data());
    result.statistics.assign(statistics, statistics + 5 * shard.n_tensor());
    return result;
  }

  Exec exec() { return {device_, device_.compute_stream(), workspace_}; }

  Layout layout_;
  const Backend& backend_;
  Device& device_ = *backend_.device;
  Collectives& collectives_;
  StepShape step_shape_;
  std::unique_ptr<ParameterEngine> engine_;
  Arena workspace_;
  NoTensorParallel not_split_;
  Transformer model_;
  Buffer state_;
  Buffer statistics_;
  std::deque<std::vector<int32_t>> tokens_;
  double loss_sums_[2] = {};
};

Outcome alone(bool tied) {
  const Backend backend = make_reference_backend({});
  SelfCollectives collectives(*backend.device);
  return TrainingRun(llama(tied), {}, backend, collectives).run();
}

struct EquivalenceCase {
  ShardingCase sharding;
  bool tied;
  Recompute recompute;
};

void PrintTo(const EquivalenceCase& c, std::ostream* out) {
  *out << c.sharding.name << (c.tied ? "_tied" : "_untied")
       << (c.recompute == Recompute::full ? "_recompute" : "");
}

class LayoutEquivalence : public testing::TestWithParam<EquivalenceCase> {};

// Sums over ranks and micro steps round in another order; AdamW's square root keeps differences of
// 1e-16 near that size.
TEST_P(LayoutEquivalence, training_is_that_of_one_rank) {
  const auto job = make_launch(nullptr, nullptr);
  Layout layout = layout_of(GetParam().sharding, job->info().world_size);
  layout.recompute = GetParam().recompute;
  const Backend backend = make_reference_backend({.mode = CpuStreamMode::deferred});
  const auto collectives = job->make_collectives(*backend.device, layout);

  const Outcome parallel = TrainingRun(llama(GetParam().tied), layout, backend, *collectives).run();
  const Outcome serial = alone(GetParam().tied);

  for (const auto& [key, value] : parallel.grads)
    ASSERT_NEAR(value, serial.grads.at(key), 1e-12) << key.first << " " << key.second;
  for (const auto& [key, value] : parallel.params)
    ASSERT_NEAR(value, serial.params.at(key), 1e-10) << key.first << " " << key.second;
  ASSERT_EQ(parallel.statistics.size(), serial.statistics.size());
  for (std::size_t i = 0; i < serial.statistics.size(); ++i)
    ASSERT_NEAR(parallel.statistics[i], serial.statistics[i], 1e-11) << i;
}

/// Blocks have 1,952 parameters, the embedding 464, the head 480 or 16.
std::vector<EquivalenceCase> equivalence_cases() {
  using enum ParallelStrategy;
  return {{kDdp, false, Recompute::none},
          {kDdp, true, Recompute::full},
          {kZero1, false, Recompute::none},
          {kZero1, true, Recompute::full},
          {kZero2, false, Recompute::full},
          {kZero2, true, Recompute::none},
          {kFsdp, false, Recompute::full},
          {kFsdp, true, Recompute::none},
          {{"fsdp_kept", fsdp, false}, true, Recompute::none},
          {{"fsdp_merged", fsdp, true, 2400}, false, Recompute::none},
          {{"fsdp_kept_merged", fsdp, false, 1000}, false, Recompute::full},
          {kHsdp, false, Recompute::none},
          {kHsdp, true, Recompute::full},
          {{"hsdp_merged", hsdp, true, 2500}, true, Recompute::none}};
}

INSTANTIATE_TEST_SUITE_P(All, LayoutEquivalence, testing::ValuesIn(equivalence_cases()),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace isoflop
