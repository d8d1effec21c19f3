// SPDX-License-Identifier: MIT
// Runs on 1, 2 and 4 ranks: what a step sends is what core/parallel/communication.hpp says.
#include "core/parallel/communication.hpp"
#include "sharding_cases.hpp"
#include "trainer/comm/counting_collectives.hpp"
#include "trainer/comm/process_grid.hpp"
#include "trainer/fsdp/parameter_engine.hpp"
#include "trainer/fsdp/toy_training.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>

namespace isoflop {

void PrintTo(const Traffic& traffic, std::ostream* out) {
  *out << to_string(traffic.kind) << " in group " << static_cast<int>(traffic.group) << ": "
       << traffic.bytes << " bytes";
}

namespace {

struct TrafficCase {
  ShardingCase sharding;
  bool tied;
  Precision precision;
};

void PrintTo(const TrafficCase& c, std::ostream* out) {
  *out << c.sharding.name << (c.tied ? "_tied_" : "_untied_") << to_string(c.precision);
}

/// Leases units as a step of a transformer does.
void lease_step(ParameterEngine& engine, bool tied, int64_t n_micro_step) {
  const int64_t head = std::ssize(engine.shard().layout().model_units) - 1;
  for (int64_t i = 0; i < n_micro_step; ++i) {
    engine.begin_micro_step({i, n_micro_step});
    UnitLease embedding = engine.parameters(0, Pass::forward);
    if (!tied) embedding = UnitLease();
    for (int64_t unit = 1; unit < head; ++unit) engine.parameters(unit, Pass::forward);
    UnitLease embedding_gradients = tied ? engine.gradients(0) : UnitLease();
    for (int64_t unit = head; unit > 0; --unit) {
      const UnitLease params = engine.parameters(unit, Pass::backward);
      const UnitLease grads = engine.gradients(unit);
    }
    if (!tied) embedding_gradients = engine.gradients(0);
  }
  engine.parameters_changed();
}

class StepTraffic : public testing::TestWithParam<TrafficCase> {};

TEST_P(StepTraffic, is_what_the_formulas_say) {
  const auto job = make_launch(nullptr, nullptr);
  const ModelShape shape = toy_shape(GetParam().tied);
  const Backend backend = make_cpu_backend({}, GetParam().precision);
  Layout layout = layout_of(GetParam().sharding, job->info().world_size);
  test::CountingCollectives collectives(job->make_collectives(*backend.device, layout));
  const auto engine = std::make_unique<ParameterEngine>(shape, layout, backend, collectives);
  for (const int64_t n_micro_step : {1, 2, 4}) {
    layout.grad_accum_steps = n_micro_step;
    collectives.reset();
    lease_step(*engine, GetParam().tied, n_micro_step);
    EXPECT_THAT(collectives.traffic(), testing::UnorderedElementsAreArray(step_traffic(
                                           engine->shard().layout(), layout, GetParam().precision)))
        << n_micro_step << " micro steps";
  }
}

std::vector<TrafficCase> traffic_cases() {
  using enum ParallelStrategy;
  std::vector<ShardingCase> shardings(std::begin(kStrategies), std::end(kStrategies));
  shardings.insert(shardings.end(), {{"fsdp_kept", fsdp, false},
                                     {"fsdp_700", fsdp, true, 700},
                                     {"fsdp_1500", fsdp, true, 1500},
                                     {"fsdp_5000", fsdp, true, 5000},
                                     {"hsdp_700", hsdp, true, 700}});
  std::vector<TrafficCase> cases;
  for (const ShardingCase& sharding : shardings)
    for (const bool tied : {false, true})
      for (const Precision precision : {Precision::fp32, Precision::bf16})
        cases.push_back({sharding, tied, precision});
  return cases;
}

INSTANTIATE_TEST_SUITE_P(All, StepTraffic, testing::ValuesIn(traffic_cases()),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace isoflop
