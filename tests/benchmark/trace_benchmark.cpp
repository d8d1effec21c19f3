// SPDX-License-Identifier: MIT
// What a scope of --profile costs: in a run without it, in steps that are not traced, in those that
// are.
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/trace.hpp"

#include <benchmark/benchmark.h>

namespace {

using namespace isoflop;

void scopes(benchmark::State& state, Trace* trace) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(trace);
    const TraceScope scope(trace, {"block", 3});
  }
}

void without_profile(benchmark::State& state) { scopes(state, nullptr); }
BENCHMARK(without_profile);

void not_traced(benchmark::State& state) {
  CpuDevice device({});
  Trace trace(device, 0);
  scopes(state, &trace);
}
BENCHMARK(not_traced);

void traced(benchmark::State& state) {
  CpuDevice device({});
  Trace trace(device, 0);
  trace.start();
  scopes(state, &trace);
}
BENCHMARK(traced)->Iterations(100'000);

}  // namespace
