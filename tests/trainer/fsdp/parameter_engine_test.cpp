// SPDX-License-Identifier: MIT
#include "trainer/fsdp/parameter_engine.hpp"

#include "core/base/error.hpp"
#include "core/parallel/memory_model.hpp"
#include "sharding_cases.hpp"
#include "support/error_matchers.hpp"
#include "trainer/comm/counting_collectives.hpp"
#include "trainer/comm/process_grid.hpp"
#include "trainer/fsdp/toy_training.hpp"

namespace isoflop {
namespace {

std::unique_ptr<Launch> launch() { return make_launch(nullptr, nullptr); }

struct EngineCase {
  ShardingCase sharding;
  bool tied;
  CpuStreamMode mode;
  DType compute;
};

void PrintTo(const EngineCase& c, std::ostream* out) {
  *out << c.sharding.name << (c.tied ? "_tied" : "_untied")
       << (c.mode == CpuStreamMode::deferred ? "_deferred_" : "_inline_") << to_string(c.compute);
}

/// Blocks have 1,320 parameters, the embedding 600, the head 612 or 12: units of 700 parameters or
/// more are [embedding, block 0], [block 1], [block 2, head]; of 1,500 [embedding, block 0], the
/// rest; of 5,000 all in one, but for a tied embedding.
std::vector<ShardingCase> sharding_cases() {
  using enum ParallelStrategy;
  std::vector<ShardingCase> cases(std::begin(kStrategies), std::end(kStrategies));
  cases.insert(cases.end(), {{"fsdp_kept", fsdp, false},
                             {"fsdp_700", fsdp, true, 700},
                             {"fsdp_1500", fsdp, true, 1500},
                             {"fsdp_5000", fsdp, true, 5000},
                             {"fsdp_kept_700", fsdp, false, 700},
                             {"hsdp_kept_1500", hsdp, false, 1500},
                             {"hsdp_700", hsdp, true, 700}});
  return cases;
}

std::vector<EngineCase> engine_cases() {
  std::vector<EngineCase> cases;
  for (const ShardingCase& sharding : sharding_cases())
    for (const bool tied : {false, true}) {
      cases.push_back({sharding, tied, CpuStreamMode::run_inline, DType::f64});
      cases.push_back({sharding, tied, CpuStreamMode::deferred, DType::f64});
      cases.push_back({sharding, tied, CpuStreamMode::deferred, DType::f32});
    }
  return cases;
}

class ParameterEngineOf : public testing::TestWithParam<EngineCase> {};

TEST_P(ParameterEngineOf, shows_current_parameters_and_sums_gradients) {
  const auto job = launch();
  const Layout layout = layout_of(GetParam().sharding, job->info().world_size);
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
double n_wrong_without(Launch& job, const ShardingCase& sharding, const WaitSite& site,
                       DType compute = DType::f64) {
  const Layout layout = layout_of(sharding, job.info().world_size);
  double n_wrong = 0;
  int64_t n_dropped = 0;
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    const Backend backend =
        toy_backend({.mode = CpuStreamMode::deferred, .schedule_seed = seed}, compute);
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

// One test for each order of events that an event of its own protects; the headers of the
// components list them.
TEST(GatheredParameters, notices_a_gather_that_does_not_wait_for_readers_of_its_buffer) {
  EXPECT_GT(n_wrong_without(*launch(), kFsdp, {"parameters", kCommunication, 0}), 0);
}
TEST(GatheredParameters, notices_a_gather_that_does_not_wait_for_the_optimizer) {
  EXPECT_GT(n_wrong_without(*launch(), kFsdp, {"early_units_changed", kCommunication, 1}), 0);
}
TEST(GatheredParameters, notices_parameters_read_before_they_are_gathered) {
  EXPECT_GT(n_wrong_without(*launch(), kFsdp, {"parameters", kCompute, 0}), 0);
}
TEST(StreamedGradients, notices_a_gradient_buffer_zeroed_before_it_is_reduced) {
  for (const ShardingCase& sharding : {kZero2, kFsdp, kHsdp})
    EXPECT_GT(n_wrong_without(*launch(), sharding, {"gradients", kCompute, 0}), 0);
}
TEST(StreamedGradients, notices_a_reduction_before_the_gradients_are_complete) {
  for (const ShardingCase& sharding : {kZero2, kFsdp, kHsdp})
    EXPECT_GT(n_wrong_without(*launch(), sharding, {"release", kCommunication, 0}), 0);
}
TEST(StreamedGradients, notices_an_optimizer_that_does_not_wait_for_reductions) {
  for (const ShardingCase& sharding : {kZero2, kFsdp, kHsdp})
    EXPECT_GT(n_wrong_without(*launch(), sharding, {"gradients_final", kCompute, 0}), 0);
}
// Sums over one rank and gathers from one change nothing, so these need several.
TEST(WholeGradients, notices_a_sum_before_the_gradients_are_complete) {
  const auto job = launch();
  if (job->info().world_size == 1) return;
  for (const ShardingCase& sharding : {kDdp, kZero1})
    EXPECT_GT(n_wrong_without(*job, sharding, {"release", kCommunication, 0}), 0);
}
TEST(WholeGradients, notices_an_optimizer_that_does_not_wait_for_sums) {
  const auto job = launch();
  if (job->info().world_size == 1) return;
  for (const ShardingCase& sharding : {kDdp, kZero1})
    EXPECT_GT(n_wrong_without(*job, sharding, {"gradients_final", kCompute, 0}), 0);
}
TEST(WholeParameters, notices_a_gather_that_does_not_wait_for_the_optimizer) {
  const auto job = launch();
  if (job->info().world_size == 1) return;
  for (const ShardingCase& sharding : {kZero1, kZero2})
    EXPECT_GT(n_wrong_without(*job, sharding, {"parameters_changed", kCommunication, 0}), 0);
}
TEST(WholeParameters, notices_a_copy_in_compute_type_that_does_not_wait_for_the_optimizer) {
  const auto job = launch();
  if (job->info().world_size == 1) return;
  EXPECT_GT(n_wrong_without(*job, kZero1, {"parameters_changed", kCommunication, 0}, DType::f32),
            0);
}
TEST(WholeParameters, notices_parameters_read_before_they_are_gathered) {
  const auto job = launch();
  if (job->info().world_size == 1) return;
  for (const ShardingCase& sharding : {kZero1, kZero2})
    EXPECT_GT(n_wrong_without(*job, sharding, {"parameters", kCompute, 0}), 0);
}

struct Calls {
  int64_t n_gather;
  int64_t n_reduce;
  friend bool operator==(const Calls&, const Calls&) = default;
};

void PrintTo(const Calls& calls, std::ostream* out) {
  *out << calls.n_gather << " gathers, " << calls.n_reduce << " reductions";
}

Calls calls_of_step(const ShardingCase& sharding, bool tied, int64_t n_micro_step) {
  const auto job = launch();
  const Layout layout = layout_of(sharding, job->info().world_size);
  const Backend backend = toy_backend({});
  test::CountingCollectives collectives(job->make_collectives(*backend.device, layout));
  ToyTraining training(toy_shape(tied), layout, backend, collectives);
  collectives.reset();
  training.step(n_micro_step);
  EXPECT_EQ(training.n_wrong(), 0);
  return {collectives.n_calls(CollectiveKind::all_gather),
          collectives.n_calls(CollectiveKind::reduce_scatter) +
              collectives.n_calls(CollectiveKind::all_reduce)};
}

// Five units. Forward gathers all; backward starts with the last two in place and needs units 2 and
// 1 again, not the embedding.
TEST(GatheredParameters, gathers_each_unit_once_a_pass_but_keeps_the_last_two) {
  EXPECT_EQ(calls_of_step(kFsdp, false, 1), (Calls{5 + 2, 5}));
}
// After the first backward units 1 and 0 (fetched ahead) are in place: forward gathers three.
TEST(GatheredParameters, keeps_the_first_units_for_the_next_micro_step) {
  EXPECT_EQ(calls_of_step(kFsdp, false, 2), (Calls{5 + 3 + 3 + 2, 10}));
}
// The tied embedding stays: one gather a step. Of the others two are in place at each turn.
TEST(GatheredParameters, gathers_a_tied_embedding_once_a_step) {
  EXPECT_EQ(calls_of_step(kFsdp, true, 2), (Calls{1 + 4 + 2 + 2 + 2, 10}));
}
// Three units of several: backward needs the first, which holds a block besides the embedding.
TEST(GatheredParameters, gathers_and_reduces_merged_units_together) {
  EXPECT_EQ(calls_of_step({"", ParallelStrategy::fsdp, true, 700}, false, 2),
            (Calls{3 + 1 + 1 + 1, 6}));
}
TEST(StreamedGradients, are_summed_over_replicas_only_in_the_last_micro_step) {
  const int64_t n_replica_sum = launch()->info().world_size == 1 ? 0 : 5;
  EXPECT_EQ(calls_of_step(kHsdp, false, 3).n_reduce, 15 + n_replica_sum);
}
TEST(WholeGradients, are_summed_only_in_the_last_micro_step) {
  EXPECT_EQ(calls_of_step(kDdp, false, 3), (Calls{0, 5}));
}
TEST(WholeParameters, are_gathered_once_a_step) {
  const int64_t n_gather = launch()->info().world_size == 1 ? 0 : 5;
  EXPECT_EQ(calls_of_step(kZero1, false, 3), (Calls{n_gather, 5}));
  EXPECT_EQ(calls_of_step(kZero2, false, 3), (Calls{n_gather, 15}));
}

int64_t allocated(const Backend& backend, MemoryCategory category) {
  return backend.device->memory_usage().by_category[static_cast<std::size_t>(category)];
}

void expect_allocated(const Backend& backend, const MemoryEstimate& estimate) {
  EXPECT_EQ(allocated(backend, MemoryCategory::parameters), estimate.parameters);
  EXPECT_EQ(allocated(backend, MemoryCategory::compute_parameters), estimate.compute_parameters);
  EXPECT_EQ(allocated(backend, MemoryCategory::gradients), estimate.gradients);
  EXPECT_EQ(allocated(backend, MemoryCategory::optimizer), estimate.optimizer);
  EXPECT_EQ(allocated(backend, MemoryCategory::gathered), estimate.gathered);
  EXPECT_EQ(allocated(backend, MemoryCategory::gradient_buffers), estimate.gradient_buffers);
  EXPECT_EQ(allocated(backend, MemoryCategory::workspace), 0);
}

TEST(ParameterEngine, allocates_what_the_memory_model_says) {
  const auto job = launch();
  for (const ShardingCase& sharding : sharding_cases())
    for (const bool tied : {false, true})
      for (const Precision precision : {Precision::fp32, Precision::bf16}) {
        SCOPED_TRACE(sharding.name);
        const Layout layout = layout_of(sharding, job->info().world_size);
        Backend backend = toy_backend({}, precision == Precision::fp32 ? DType::f32 : DType::bf16);
        backend.master_dtype = DType::f32;
        const auto collectives = job->make_collectives(*backend.device, layout);
        const ModelShape shape = toy_shape(tied);
        const auto engine = std::make_unique<ParameterEngine>(shape, layout, backend, *collectives);
        expect_allocated(
            backend, estimate_memory(
                         {.shape = shape, .layout = layout, .seq_len = 8, .precision = precision}));
      }
}

TEST(ParameterEngine, allocates_nothing_after_construction) {
  const auto job = launch();
  const Layout layout = layout_of(kFsdp, job->info().world_size);
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
  const Layout alone = layout_of(kFsdp, job->info().world_size);
  const Backend backend = toy_backend({});
  const auto collectives = job->make_collectives(*backend.device, alone);
  const auto make = [&](const Layout& layout) {
    return std::make_unique<ParameterEngine>(toy_shape(false), layout, backend, *collectives);
  };
  EXPECT_THAT(test::message_of<ConfigError>(
                  [&] { make({.strategy = ParallelStrategy::ddp, .n_shard = 2}); }),
              testing::HasSubstr("n_shard is '2' under ddp"));
  EXPECT_THAT(test::message_of<ConfigError>(
                  [&] { make({.strategy = ParallelStrategy::fsdp, .n_replica = 2}); }),
              testing::HasSubstr("n_replica is '2' under fsdp"));
  EXPECT_THAT(test::message_of<ConfigError>(
                  [&] { make({.strategy = ParallelStrategy::zero1, .n_replica = 2}); }),
              testing::HasSubstr("n_replica is '2' under zero1"));
}

TEST(GatheredParameters, refuses_a_third_lease) {
  const auto job = launch();
  const Layout layout = layout_of(kFsdp, job->info().world_size);
  const Backend backend = toy_backend({});
  const auto collectives = job->make_collectives(*backend.device, layout);
  const auto engine =
      std::make_unique<ParameterEngine>(toy_shape(false), layout, backend, *collectives);
  const UnitLease first = engine->parameters(0, Pass::forward);
  const UnitLease second = engine->parameters(1, Pass::forward);
  EXPECT_THROW(engine->parameters(2, Pass::forward), std::logic_error);
  const UnitLease first_gradients = engine->gradients(0);
  const UnitLease second_gradients = engine->gradients(1);
  EXPECT_THROW(engine->gradients(2), std::logic_error);
}

// A lease that replaces the one before it holds both buffers for a moment; the unit after it is
// fetched once the old lease is gone.
TEST(GatheredParameters, fetches_ahead_when_a_lease_replaces_another) {
  const auto job = launch();
  const Layout layout = layout_of(kFsdp, job->info().world_size);
  const Backend backend = toy_backend({});
  test::CountingCollectives collectives(job->make_collectives(*backend.device, layout));
  const auto engine =
      std::make_unique<ParameterEngine>(toy_shape(false), layout, backend, collectives);
  UnitLease lease = engine->parameters(0, Pass::forward);
  EXPECT_EQ(collectives.n_calls(CollectiveKind::all_gather), 2);
  lease = engine->parameters(1, Pass::forward);
  EXPECT_EQ(collectives.n_calls(CollectiveKind::all_gather), 3);
}

}  // namespace
}  // namespace isoflop
