// SPDX-License-Identifier: MIT
// Speed of scaling-law fits: ninja -C build isoflop_fit_benchmark &&
// build/tests/bin/isoflop_fit_benchmark
#include "report/fit/fit_samples.hpp"
#include "report/fit/parametric_fit.hpp"

#include <Kokkos_Core.hpp>
#include <benchmark/benchmark.h>

namespace isoflop::fit {
namespace {

void point_fit_of_240(benchmark::State& state) {
  const auto points = synthetic_points(240, 0.01, 1);
  for (auto _ : state) benchmark::DoNotOptimize(fit_surface(points, {.n_bootstrap = 0}));
}
BENCHMARK(point_fit_of_240)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime()->UseRealTime();

void fit_of_240_with_4000_resamples(benchmark::State& state) {
  const auto points = synthetic_points(240, 0.01, 1);
  for (auto _ : state) benchmark::DoNotOptimize(fit_surface(points, {.n_bootstrap = 4000}));
}
BENCHMARK(fit_of_240_with_4000_resamples)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime();

}  // namespace
}  // namespace isoflop::fit

int main(int argc, char** argv) {
  const Kokkos::ScopeGuard kokkos;
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
