// SPDX-License-Identifier: MIT
#include "bench_rig.hpp"

#include "trainer/backend/cpu/convert.hpp"
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/cpu/cpu_ops.hpp"
#include "trainer/bench/machine_rates.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <limits>
#include <map>
#include <omp.h>
#include <random>

namespace isoflop {
namespace {

constexpr int64_t kArenaBytes = int64_t{64} << 20;

Precision precision_of(DType dtype) {
  if (dtype == DType::bf16) return Precision::bf16;
  return dtype == DType::f16 ? Precision::fp16 : Precision::fp32;
}

}  // namespace

Backend make_bench_backend(DType compute_dtype) {
  const int n_threads = omp_get_max_threads();
  return {std::make_unique<CpuDevice>(CpuDeviceOptions{.n_threads = n_threads}),
          std::make_unique<CpuOps>(n_threads, precision_of(compute_dtype)), compute_dtype,
          DType::f32};
}

double peak_flops(DType compute_dtype) {
  static std::map<DType, double> peaks;
  const auto found = peaks.find(compute_dtype);
  if (found != peaks.end()) return found->second;
  Backend backend = make_bench_backend(compute_dtype);
  return peaks[compute_dtype] = measure_machine(backend).matmul_tflops * 1e12;
}

BenchRig::BenchRig(DType compute_dtype)
    : backend_(make_bench_backend(compute_dtype)),
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

void BenchRig::measure(benchmark::State& state, double flops, const std::function<void()>& work) {
  using Clock = std::chrono::steady_clock;
  Device& device = *backend_.device;
  work();  // plans, first touch
  double fastest = std::numeric_limits<double>::infinity();
  for (auto _ : state) {
    const auto start = Clock::now();
    work();
    device.synchronize(device.record(device.compute_stream()));
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    state.SetIterationTime(seconds);
    fastest = std::min(fastest, seconds);
  }
  state.counters["GFLOP/s"] = flops / fastest / 1e9;
  state.counters["%peak"] = 100 * flops / fastest / peak_flops(dtype());
}

void add_benchmark(const std::string& name, const std::function<void(benchmark::State&)>& work) {
  benchmark::RegisterBenchmark(name.c_str(), work)
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond)
      ->MinTime(0.2);
}

}  // namespace isoflop
