// SPDX-License-Identifier: MIT
#include "bench_rig.hpp"

#include "trainer/backend/cpu/convert.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <omp.h>
#include <random>
#include <time.h>

namespace isoflop {
namespace {

constexpr int64_t kArenaBytes = int64_t{64} << 20;

Precision precision_of(DType dtype) {
  if (dtype == DType::bf16) return Precision::bf16;
  return dtype == DType::f16 ? Precision::fp16 : Precision::fp32;
}

Backend make_backend(DType compute_dtype) {
  return make_cpu_backend({.n_threads = omp_get_max_threads()}, precision_of(compute_dtype));
}

/// Of this program, divided by the number of threads: on a machine of its own the time on the wall,
/// elsewhere without what other programs take. Ticks of a few milliseconds.
double processor_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  const double seconds =
      static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  return seconds / omp_get_max_threads();
}

}  // namespace

/// Of products (n, n) (n, n), repeated for a while.
double flops_of_cube(DType dtype, int64_t n) {
  constexpr int kRepeats = 32;
  BenchRig rig(dtype);
  const TensorView out = rig.tensor({n, n}), x = rig.tensor({n, n}), w = rig.tensor({n, n});
  const auto multiply = [&] {
    rig.run([&] { rig.ops().linear_forward(rig.exec(), out, x, w, TensorView()); });
  };
  multiply();
  const double start = processor_seconds();
  for (int repeat = 0; repeat < kRepeats; ++repeat) multiply();
  return kRepeats * 2.0 * static_cast<double>(n * n * n) / (processor_seconds() - start);
}

double peak_flops(DType compute_dtype) {
  static std::map<DType, double> peaks;
  const auto [peak, is_new] = peaks.emplace(compute_dtype, 0);
  if (is_new)
    for (const int64_t n : {1024, 1536, 2048})
      peak->second = std::max(peak->second, flops_of_cube(compute_dtype, n));
  return peak->second;
}

BenchRig::BenchRig(DType compute_dtype)
    : backend_(make_backend(compute_dtype)),
      arena_(*backend_.device, kArenaBytes, MemoryCategory::workspace) {}

TensorView BenchRig::fresh(DType dtype, Extents shape) {
  buffers_.push_back(
      backend_.device->allocate(shape.product() * size_of(dtype), MemoryCategory::state));
  return buffers_.back().view(dtype, shape);
}

TensorView BenchRig::tensor(DType dtype, Extents shape) {
  const TensorView view = fresh(dtype, shape);
  std::minstd_rand engine(1);
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::array<float, 4099> values;  // repeated: a prime number, so that no two rows are alike
  std::ranges::generate(values, [&] { return uniform(engine); });
  constexpr int64_t kPeriod = values.size();
  for (int64_t i = 0; i < view.size(); i += kPeriod)
    narrow(element(view.data, dtype, i), dtype, values.data(), std::min(kPeriod, view.size() - i));
  return view;
}

TensorView BenchRig::indices(Extents shape, int32_t limit) {
  const TensorView view = fresh(DType::i32, shape);
  std::minstd_rand engine(1);
  std::uniform_int_distribution<int32_t> uniform(0, limit - 1);
  std::generate_n(view.as<int32_t>(), view.size(), [&] { return uniform(engine); });
  return view;
}

TensorView BenchRig::zeros(DType dtype, Extents shape) {
  const TensorView view = fresh(dtype, shape);
  std::memset(view.data, 0, static_cast<std::size_t>(view.bytes()));
  return view;
}

void BenchRig::run(const std::function<void()>& work) {
  work();
  backend_.device->synchronize(backend_.device->record(backend_.device->compute_stream()));
}

double BenchRig::mean_seconds(benchmark::State& state, const std::function<void()>& work) {
  run(work);  // plans, first touch
  const double start = processor_seconds();
  for (auto _ : state) run(work);
  return (processor_seconds() - start) / static_cast<double>(state.iterations());
}

void BenchRig::measure(benchmark::State& state, double flops, const std::function<void()>& work) {
  const double rate = flops / mean_seconds(state, work);
  state.counters["GFLOP/s"] = rate / 1e9;
  state.counters["%peak"] = 100 * rate / peak_flops(dtype());
}

void BenchRig::measure_elements(benchmark::State& state, int64_t elements, int64_t bytes,
                                const std::function<void()>& work) {
  const double seconds = mean_seconds(state, work);
  state.counters["ns/element"] = 1e9 * seconds / static_cast<double>(elements);
  state.counters["GB/s"] = static_cast<double>(bytes) / seconds / 1e9;
}

void add_benchmark(const std::string& name, const std::function<void(benchmark::State&)>& work) {
  benchmark::RegisterBenchmark(name.c_str(), work)
      ->MeasureProcessCPUTime()
      ->Unit(benchmark::kMillisecond)
      ->MinTime(0.2);
}

}  // namespace isoflop
