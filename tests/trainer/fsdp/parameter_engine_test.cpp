// SPDX-License-Identifier: MIT
#include "trainer/fsdp/parameter_engine.hpp"

#include "core/base/error.hpp"
#include "core/parallel/memory_model.hpp"
#include "support/error_matchers.hpp"
#include "trainer/comm/process_grid.hpp"
#include "trainer/fsdp/toy_training.hpp"

namespace isoflop {
namespace {

std::unique_ptr<Launch> launch() { return make_launch(nullptr, nullptr); }

Layout layout_of(ParallelStrategy strategy, int64_t n_rank) {
  Layout layout;
  layout.strategy = strategy;
  (strategy == ParallelStrategy::ddp ? layout.n_replica : layout.n_shard) = n_rank;
  return layout;
}

struct EngineCase {
  ParallelStrategy strategy;
  bool tied;
  CpuStreamMode mode;
  DType compute;
};

void PrintTo(const EngineCase& c, std::ostream* out) {
  *out << (c.strategy == ParallelStrategy::ddp ? "ddp" : "fsdp") << (c.tied ? "_tied" : "_untied")
       << (c.mode == CpuStreamMode::deferred ? "_deferred_" : "_inline_") << to_string(c.compute);
}

std::vector<EngineCase> engine_cases() {
  std::vector<EngineCase> cases;
  for (const auto strategy : {ParallelStrategy::ddp, ParallelStrategy::fsdp})
    for (const bool tied : {false, true}) {
      cases.push_back({strategy, tied, CpuStreamMode::run_inline, DType::f64});
      cases.push_back({strategy, tied, CpuStreamMode::deferred, DType::f64});
      cases.push_back({strategy, tied, CpuStreamMode::deferred, DType::f32});
    }
  return cases;
}

class ParameterEngineOf : public testing::TestWithParam<EngineCase> {};

TEST_P(ParameterEngineOf, shows_current_parameters_and_sums_gradients) {
  const auto job = launch();
  const Layout layout = layout_of(GetParam().strategy, job->info().world_size);
  for (const uint64_t seed : {1u, 2u, 3u}) {
    const Backend backend =
        toy_backend({.mode = GetParam().mode, .schedule_seed = seed}, GetParam().compute);
    const auto collectives = job->make_collectives(*backend.device, layout);
    ToyTraining training(toy_shape(GetParam().tied), layout, backend, *collectives);
    training.step(1);
    training.step(3);
    training.evaluate();
    training.step(2);
    training.evaluate();
    EXPECT_EQ(training.n_wrong(), 0) << "seed " << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(All, ParameterEngineOf, testing::ValuesIn(engine_cases()),
                         testing::PrintToStringParamName());

/// Wrong elements over all ranks and some schedules when the waits of `site` are ignored.
double n_wrong_without(Launch& job, ParallelStrategy strategy, const WaitSite& site) {
  const Layout layout = layout_of(strategy, job.info().world_size);
  double n_wrong = 0;
  int64_t n_dropped = 0;
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    const Backend backend = toy_backend({.mode = CpuStreamMode::deferred, .schedule_seed = seed});
    toy_device(backend).drop(site);
    const auto collectives = job.make_collectives(*backend.device, layout);
    ToyTraining training(toy_shape(false), layout, backend, *collectives);
    for (int step = 0; step < 3; ++step) training.step(2);
    n_wrong += job.max_over_ranks(static_cast<double>(training.n_wrong()));
    n_dropped += toy_device(backend).n_dropped();
  }
  EXPECT_GT(n_dropped, 0) << "no such wait: " << site.call;
  return n_wrong;
}

constexpr int kCompute = 0;
constexpr int kCommunication = 1;

// One test for each row of the table in sharded_parameters.hpp that an event of its own protects.
TEST(ShardedParameters, notices_a_gather_that_does_not_wait_for_readers_of_its_buffer) {
  EXPECT_GT(n_wrong_without(*launch(), ParallelStrategy::fsdp, {"parameters", kCommunication, 0}),
            0);
}
TEST(ShardedParameters, notices_a_gather_that_does_not_wait_for_the_optimizer) {
  EXPECT_GT(n_wrong_without(*launch(), ParallelStrategy::fsdp, {"parameters", kCommunication, 1}),
            0);
}
TEST(ShardedParameters, notices_parameters_read_before_they_are_gathered) {
  EXPECT_GT(n_wrong_without(*launch(), ParallelStrategy::fsdp, {"parameters", kCompute, 0}), 0);
}
TEST(ShardedParameters, notices_a_gradient_buffer_zeroed_before_it_is_reduced) {
  EXPECT_GT(n_wrong_without(*launch(), ParallelStrategy::fsdp, {"gradients", kCompute, 0}), 0);
}
TEST(ShardedParameters, notices_a_reduction_before_the_gradients_are_complete) {
  EXPECT_GT(n_wrong_without(*launch(), ParallelStrategy::fsdp, {"release", kCommunication, 0}), 0);
}
TEST(ShardedParameters, notices_an_optimizer_that_does_not_wait_for_reductions) {
  EXPECT_GT(n_wrong_without(*launch(), ParallelStrategy::fsdp, {"gradients_final", kCompute, 0}),
            0);
}
// A sum over one rank changes nothing, so these need several.
TEST(ReplicatedParameters, notices_a_sum_before_the_gradients_are_complete) {
  const auto job = launch();
  if (job->info().world_size == 1) return;
  EXPECT_GT(n_wrong_without(*job, ParallelStrategy::ddp, {"release", kCommunication, 0}), 0);
}
TEST(ReplicatedParameters, notices_an_optimizer_that_does_not_wait_for_sums) {
  const auto job = launch();
  if (job->info().world_size == 1) return;
  EXPECT_GT(n_wrong_without(*job, ParallelStrategy::ddp, {"gradients_final", kCompute, 0}), 0);
}

/// Counts collectives on their way to another implementation.
class CountingCollectives final : public Collectives {
 public:
  explicit CountingCollectives(std::unique_ptr<Collectives> inner) : inner_(std::move(inner)) {}
  int rank(Group group) const override { return inner_->rank(group); }
  int size(Group group) const override { return inner_->size(group); }
  Event all_gather(TensorView out, TensorView in, Group group, Stream stream,
                   Event after) override {
    ++n_gather;
    return inner_->all_gather(out, in, group, stream, after);
  }
  Event reduce_scatter(TensorView out, TensorView in, ReduceOp op, Group group, Stream stream,
                       Event after) override {
    ++n_reduce;
    return inner_->reduce_scatter(out, in, op, group, stream, after);
  }
  Event all_reduce(TensorView out, TensorView in, ReduceOp op, Group group, Stream stream,
                   Event after) override {
    ++n_reduce;
    return inner_->all_reduce(out, in, op, group, stream, after);
  }
  Event broadcast(TensorView inout, int root, Group group, Stream stream, Event after) override {
    return inner_->broadcast(inout, root, group, stream, after);
  }
  Event exchange(std::span<const Message> sends, std::span<const Message> receives, Group group,
                 Stream stream, Event after) override {
    return inner_->exchange(sends, receives, group, stream, after);
  }
  Event broadcast_each(std::span<const Share> shares, Group group, Stream stream,
                       Event after) override {
    return inner_->broadcast_each(shares, group, stream, after);
  }
  void begin_step(int64_t step) override { inner_->begin_step(step); }
  void end_step(int64_t step) override { inner_->end_step(step); }
  double exposed_seconds(int64_t step) const override { return inner_->exposed_seconds(step); }
  void poll() override { inner_->poll(); }
  void abort(int exit_code) override { inner_->abort(exit_code); }

  int64_t n_gather = 0;
  int64_t n_reduce = 0;

 private:
  std::unique_ptr<Collectives> inner_;
};

struct Traffic {
  int64_t n_gather;
  int64_t n_reduce;
  friend bool operator==(const Traffic&, const Traffic&) = default;
};

void PrintTo(const Traffic& traffic, std::ostream* out) {
  *out << traffic.n_gather << " gathers, " << traffic.n_reduce << " reductions";
}

Traffic traffic_of_step(ParallelStrategy strategy, bool tied, int64_t n_micro_step) {
  const auto job = launch();
  const Layout layout = layout_of(strategy, job->info().world_size);
  const Backend backend = toy_backend({});
  CountingCollectives collectives(job->make_collectives(*backend.device, layout));
  ToyTraining training(toy_shape(tied), layout, backend, collectives);
  training.step(n_micro_step);
  EXPECT_EQ(training.n_wrong(), 0);
  return {collectives.n_gather, collectives.n_reduce};
}

// Five units. Forward gathers all; backward starts with the last two in place and needs units 2 and
// 1 again, not the embedding.
TEST(ShardedParameters, gathers_each_unit_once_a_pass_but_keeps_the_last_two) {
  EXPECT_EQ(traffic_of_step(ParallelStrategy::fsdp, false, 1), (Traffic{5 + 2, 5}));
}
// After the first backward units 1 and 0 (fetched ahead) are in place: forward gathers three.
TEST(ShardedParameters, keeps_the_first_units_for_the_next_micro_step) {
  EXPECT_EQ(traffic_of_step(ParallelStrategy::fsdp, false, 2), (Traffic{5 + 3 + 3 + 2, 10}));
}
// The tied embedding stays: one gather a step. Of the others two are in place at each turn.
TEST(ShardedParameters, gathers_a_tied_embedding_once_a_step) {
  EXPECT_EQ(traffic_of_step(ParallelStrategy::fsdp, true, 2), (Traffic{1 + 4 + 2 + 2 + 2, 10}));
}
TEST(ReplicatedParameters, sums_only_in_the_last_micro_step) {
  EXPECT_EQ(traffic_of_step(ParallelStrategy::ddp, false, 3), (Traffic{0, 5}));
}

int64_t allocated(const Backend& backend, MemoryCategory category) {
  return backend.device->memory_usage().by_category[static_cast<std::size_t>(category)];
}

TEST(ParameterEngine, allocates_what_the_memory_model_says) {
  const auto job = launch();
  for (const auto strategy : {ParallelStrategy::ddp, ParallelStrategy::fsdp})
    for (const bool tied : {false, true}) {
      const Layout layout = layout_of(strategy, job->info().world_size);
      Backend backend = toy_backend({}, DType::f32);
      backend.master_dtype = DType::f32;
      const auto collectives = job->make_collectives(*backend.device, layout);
      const ModelShape shape = toy_shape(tied);
      const auto engine = make_parameter_engine(shape, layout, backend, *collectives);
      const MemoryEstimate estimate =
          estimate_memory({.shape = shape, .layout = layout, .seq_len = 8});
      EXPECT_EQ(allocated(backend, MemoryCategory::parameters), estimate.parameters);
      EXPECT_EQ(allocated(backend, MemoryCategory::compute_parameters),
                estimate.compute_parameters);
      EXPECT_EQ(allocated(backend, MemoryCategory::gradients), estimate.gradients);
      EXPECT_EQ(allocated(backend, MemoryCategory::optimizer), estimate.optimizer);
      EXPECT_EQ(allocated(backend, MemoryCategory::gathered), estimate.gathered);
      EXPECT_EQ(allocated(backend, MemoryCategory::gradient_buffers), estimate.gradient_buffers);
      EXPECT_EQ(allocated(backend, MemoryCategory::workspace), 0);
    }
}

TEST(ParameterEngine, two_byte_compute_copies_are_in_the_memory_model_too) {
  const auto job = launch();
  for (const auto strategy : {ParallelStrategy::ddp, ParallelStrategy::fsdp}) {
    const Layout layout = layout_of(strategy, job->info().world_size);
    Backend backend = toy_backend({}, DType::bf16);
    backend.master_dtype = DType::f32;
    const auto collectives = job->make_collectives(*backend.device, layout);
    const ModelShape shape = toy_shape(true);
    const auto engine = make_parameter_engine(shape, layout, backend, *collectives);
    const MemoryEstimate estimate = estimate_memory(
        {.shape = shape, .layout = layout, .seq_len = 8, .precision = Precision::bf16});
    EXPECT_EQ(allocated(backend, MemoryCategory::compute_parameters), estimate.compute_parameters);
    EXPECT_EQ(allocated(backend, MemoryCategory::gathered), estimate.gathered);
    EXPECT_EQ(allocated(backend, MemoryCategory::gradient_buffers), estimate.gradient_buffers);
  }
}

TEST(ParameterEngine, allocates_nothing_after_construction) {
  const auto job = launch();
  const Layout layout = layout_of(ParallelStrategy::fsdp, job->info().world_size);
  const Backend backend = toy_backend({.mode = CpuStreamMode::deferred});
  const auto collectives = job->make_collectives(*backend.device, layout);
  ToyTraining training(toy_shape(true), layout, backend, *collectives);
  const int64_t at_start = backend.device->memory_usage().allocated;
  training.step(2);
  EXPECT_EQ(training.n_wrong(), 0);
  EXPECT_EQ(backend.device->memory_usage().peak, at_start);
}

TEST(ParameterEngine, refuses_grids_the_strategy_does_not_run_on) {
  const auto job = launch();
  const Layout alone = layout_of(ParallelStrategy::fsdp, job->info().world_size);
  const Backend backend = toy_backend({});
  const auto collectives = job->make_collectives(*backend.device, alone);
  const auto make = [&](const Layout& layout) {
    return make_parameter_engine(toy_shape(false), layout, backend, *collectives);
  };
  EXPECT_THAT(test::message_of<ConfigError>(
                  [&] { make({.strategy = ParallelStrategy::ddp, .n_shard = 2}); }),
              testing::HasSubstr("n_shard is '2' under ddp"));
  EXPECT_THAT(test::message_of<ConfigError>(
                  [&] { make({.strategy = ParallelStrategy::fsdp, .n_replica = 2}); }),
              testing::HasSubstr("n_replica is '2' under fsdp"));
}

TEST(ShardedParameters, refuses_a_third_lease) {
  const auto job = launch();
  const Layout layout = layout_of(ParallelStrategy::fsdp, job->info().world_size);
  const Backend backend = toy_backend({});
  const auto collectives = job->make_collectives(*backend.device, layout);
  const auto engine = make_parameter_engine(toy_shape(false), layout, backend, *collectives);
  const UnitLease first = engine->parameters(0, Pass::forward);
  const UnitLease second = engine->parameters(1, Pass::forward);
  EXPECT_THROW(engine->parameters(2, Pass::forward), std::logic_error);
  const UnitLease first_gradients = engine->gradients(0);
  const UnitLease second_gradients = engine->gradients(1);
  EXPECT_THROW(engine->gradients(2), std::logic_error);
}

// A lease that replaces the one before it holds both buffers for a moment; the unit after it is
// fetched once the old lease is gone.
TEST(ShardedParameters, fetches_ahead_when_a_lease_replaces_another) {
  const auto job = launch();
  const Layout layout = layout_of(ParallelStrategy::fsdp, job->info().world_size);
  const Backend backend = toy_backend({});
  CountingCollectives collectives(job->make_collectives(*backend.device, layout));
  const auto engine = make_parameter_engine(toy_shape(false), layout, backend, collectives);
  UnitLease lease = engine->parameters(0, Pass::forward);
  EXPECT_EQ(collectives.n_gather, 2);
  lease = engine->parameters(1, Pass::forward);
  EXPECT_EQ(collectives.n_gather, 3);
}

}  // namespace
}  // namespace isoflop
