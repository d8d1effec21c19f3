// SPDX-License-Identifier: MIT
#include "trainer/bench/machine_rates.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <unistd.h>

namespace isoflop {
namespace {

constexpr double kMeasureSeconds = 0.6;

/// Seconds of the fastest of repeated runs; `work` enqueues on the compute stream. Repeats for
/// kMeasureSeconds, at least three times.
double fastest_run(Device& device, const std::function<void()>& work) {
  using Clock = std::chrono::steady_clock;
  const auto run_once = [&] {
    const auto start = Clock::now();
    work();
    device.synchronize(device.record(device.compute_stream()));
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  run_once();
  double best = run_once();
  double spent = best;
  for (int repeats = 1; repeats < 3 || spent < kMeasureSeconds; ++repeats) {
    const double seconds = run_once();
    best = std::min(best, seconds);
    spent += seconds;
  }
  return best;
}

double matmul_tflops(Backend& backend, int64_t n) {
  Device& device = *backend.device;
  Arena arena(device, 64 << 20, MemoryCategory::workspace);
  const Exec exec{device, device.compute_stream(), arena};
  const auto matrix = [&] {
    Buffer buffer =
        device.allocate(n * n * size_of(backend.compute_dtype), MemoryCategory::workspace);
    device.zero(buffer.data(), buffer.bytes(), exec.stream);
    return buffer;
  };
  const Buffer out = matrix();
  const Buffer x = matrix();
  const Buffer w = matrix();
  const auto view = [&](const Buffer& buffer) {
    return buffer.view(backend.compute_dtype, {n, n});
  };
  const double seconds = fastest_run(device, [&] {
    backend.ops->linear_forward(exec, view(out), view(x), view(w), TensorView());
  });
  return 2.0 * static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(n) / seconds /
         1e12;
}

double memory_gb_per_s(Backend& backend) {
  constexpr int64_t kElements = int64_t{32} << 20;
  Device& device = *backend.device;
  Arena arena(device, 1 << 20, MemoryCategory::workspace);
  const Exec exec{device, device.compute_stream(), arena};
  const Buffer a =
      device.allocate(kElements * size_of(backend.master_dtype), MemoryCategory::workspace);
  const Buffer b =
      device.allocate(kElements * size_of(backend.master_dtype), MemoryCategory::workspace);
  device.zero(a.data(), a.bytes(), exec.stream);
  device.zero(b.data(), b.bytes(), exec.stream);
  const double seconds = fastest_run(device, [&] {
    backend.ops->accumulate(exec, a.view(backend.master_dtype, {kElements}),
                            b.view(backend.master_dtype, {kElements}));
  });
  return 3.0 * static_cast<double>(a.bytes()) / seconds / 1e9;  // two reads, one write
}

/// Seconds of one all-reduce of n elements, mean of several between two synchronisations.
double all_reduce_seconds(Collectives& collectives, Backend& backend, int64_t n, int repeats) {
  Device& device = *backend.device;
  const Buffer buffer = device.allocate(n * size_of(DType::f32), MemoryCategory::workspace);
  device.zero(buffer.data(), buffer.bytes(), device.communication_stream());
  const TensorView view = buffer.view(DType::f32, {n});
  Event done = collectives.all_reduce(view, view, ReduceOp::sum, Group::world,
                                      device.communication_stream(), Event());
  device.synchronize(done);
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < repeats; ++i)
    done = collectives.all_reduce(view, view, ReduceOp::sum, Group::world,
                                  device.communication_stream(), Event());
  device.synchronize(done);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / repeats;
}

}  // namespace

double large_matmul_tflops(Backend& backend) {
  double best = 0;
  for (const int64_t n : {1024, 1536, 2048}) best = std::max(best, matmul_tflops(backend, n));
  return best;
}

MachineRates measure_machine(Backend& backend) {
  MachineRates rates;
  rates.matmul_tflops = large_matmul_tflops(backend);
  rates.mem_gb_per_s = memory_gb_per_s(backend);
  return rates;
}

LinkRates measure_link(Launch& launch, Backend& backend) {
  constexpr int64_t kLargeElements = int64_t{4} << 20;
  const double n = launch.info().world_size;
  const std::unique_ptr<Collectives> collectives = launch.make_collectives(
      *backend.device, {.strategy = ParallelStrategy::ddp, .n_replica = launch.info().world_size});
  const double large = all_reduce_seconds(*collectives, backend, kLargeElements, 10);
  const double tiny = all_reduce_seconds(*collectives, backend, 2, 100);
  LinkRates rates;
  rates.gb_per_s = 2.0 * (n - 1) / n * static_cast<double>(kLargeElements * size_of(DType::f32)) /
                   launch.max_over_ranks(large) / 1e9;
  rates.latency_us = launch.max_over_ranks(tiny) / (2.0 * (n - 1)) * 1e6;
  return rates;
}

int64_t node_memory_bytes() {
  return static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
}

}  // namespace isoflop
