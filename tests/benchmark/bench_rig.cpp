// SPDX-License-Identifier: MIT
#include "bench_rig.hpp"

#include "trainer/backend/cpu/convert.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
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

/// Of all threads of this program.
double processor_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace

/// Of the fastest of three products (n, n) (n, n).
double flops_of_cube(DType dtype, int64_t n) {
  BenchRig rig(dtype);
  const TensorView out = rig.tensor({n, n}), x = rig.tensor({n, n}), w = rig.tensor({n, n});
  double fastest = std::numeric_limits<double>::infinity();
  for (int repeat = 0; repeat < 4; ++repeat) {
    fastest = std::min(fastest, rig.seconds_of([&] {
      rig.ops().linear_forward(rig.exec(), out, x, w, TensorView());
    }));
  }
  return 2.0 * static_cast<double>(n * n * n) / fastest;
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

double BenchRig::seconds_of(const std::function<void()>& work) {
  Device& device = *backend_.device;
  const double start = processor_seconds();
  work();
  device.synchronize(device.record(device.compute_stream()));
  return (processor_seconds() - start) / omp_get_max_threads();
}

double BenchRig::fastest_of(benchmark::State& state, const std::function<void()>& work) {
  work();  // plans, first touch
  double fastest = std::numeric_limits<double>::infinity();
  for (auto _ : state) {
    const double seconds = seconds_of(work);
    state.SetIterationTime(seconds);
    fastest = std::min(fastest, seconds);
  }
  return fastest;
}

void BenchRig::measure(benchmark::State& state, double flops, const std::function<void()>& work) {
  const double fastest = fastest_of(state, work);
  state.counters["GFLOP/s"] = flops / fastest / 1e9;
  state.counters["%peak"] = 100 * flops / fastest / peak_flops(dtype());
}

void BenchRig::measure_elements(benchmark::State& state, int64_t elements, int64_t bytes,
                                const std::function<void()>& work) {
  const double fastest = fastest_of(state, work);
  state.counters["ns/element"] = 1e9 * fastest / static_cast<double>(elements);
  state.counters["GB/s"] = static_cast<double>(bytes) / fastest / 1e9;
}

void add_benchmark(const std::string& name, const std::function<void(benchmark::State&)>& work) {
  benchmark::RegisterBenchmark(name.c_str(), work)
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond)
      ->MinTime(0.2);
}

}  // namespace isoflop
