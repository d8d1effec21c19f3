// SPDX-License-Identifier: MIT
#include "trainer/bench/machine_rates.hpp"

#include "core/base/mix_bits.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <unistd.h>

namespace isoflop {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Seconds of a call in the fastest of repeated stretches of calls; `work` enqueues on the compute
/// stream. Repeats for sizes.measure_seconds, at least three times.
double fastest_call(Device& device, const RateSizes& sizes, const std::function<void()>& work) {
  const auto run = [&](int calls) {
    const auto start = Clock::now();
    for (int i = 0; i < calls; ++i) work();
    device.synchronize(device.record(device.compute_stream()));
    return seconds_since(start);
  };
  constexpr double kMostCalls = 1000;  // what a stream takes without making the host wait
  run(1);
  const double alone = run(1);
  const int calls =
      static_cast<int>(std::clamp(std::ceil(sizes.stretch_seconds / alone), 1.0, kMostCalls));
  double best = run(calls);
  double spent = best;
  for (int repeats = 1; repeats < 3 || spent < sizes.measure_seconds; ++repeats) {
    const double seconds = run(calls);
    best = std::min(best, seconds);
    spent += seconds;
  }
  return best / calls;
}

Buffer allocate(Device& device, DType dtype, int64_t n) {
  return device.allocate(n * size_of(dtype), MemoryCategory::workspace);
}

/// n numbers between -1 and 1 in the compute type, the same few again and again: a GPU that
/// multiplies zeros takes less power, and its clock is higher than in training.
Buffer random_numbers(Backend& backend, const Exec& exec, int64_t n) {
  const int64_t period = std::min(n, int64_t{1} << 20);
  const Buffer host = exec.device.allocate_pinned(period * size_of(DType::f32));
  auto* const values = static_cast<float*>(host.data());
  for (int64_t i = 0; i < period; ++i)
    values[i] = std::ldexp(static_cast<float>(mix_bits(static_cast<uint64_t>(i)) >> 40), -23) - 1;
  const Buffer numbers = allocate(exec.device, DType::f32, period);
  exec.device.copy(numbers.data(), host.data(), numbers.bytes(), exec.stream);
  Buffer out = allocate(exec.device, backend.compute_dtype, n);
  const TensorView whole = out.view(backend.compute_dtype, {n});
  for (int64_t begin = 0; begin < n; begin += period) {
    const int64_t size = std::min(period, n - begin);
    backend.ops->cast(exec, whole.flat_slice(begin, {size}), numbers.view(DType::f32, {size}));
  }
  exec.device.synchronize(exec.device.record(exec.stream));  // host and numbers end here
  return out;
}

double matmul_tflops(Backend& backend, const RateSizes& sizes, int64_t n) {
  Device& device = *backend.device;
  Arena arena(device, 64 << 20, MemoryCategory::workspace);
  const Exec exec{device, device.compute_stream(), arena};
  const Buffer out = allocate(device, backend.compute_dtype, n * n);
  const Buffer x = random_numbers(backend, exec, n * n);
  const Buffer w = random_numbers(backend, exec, n * n);
  const auto view = [&](const Buffer& buffer) {
    return buffer.view(backend.compute_dtype, {n, n});
  };
  const double seconds = fastest_call(device, sizes, [&] {
    backend.ops->linear_forward(exec, view(out), view(x), view(w), TensorView());
  });
  return 2.0 * static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(n) / seconds /
         1e12;
}

double memory_gb_per_s(Backend& backend, const RateSizes& sizes) {
  const int64_t n = sizes.memory_bytes / size_of(backend.master_dtype);
  Device& device = *backend.device;
  Arena arena(device, 1 << 20, MemoryCategory::workspace);
  const Exec exec{device, device.compute_stream(), arena};
  const Buffer a = allocate(device, backend.master_dtype, n);
  const Buffer b = allocate(device, backend.master_dtype, n);
  device.zero(a.data(), a.bytes(), exec.stream);
  device.zero(b.data(), b.bytes(), exec.stream);
  const double seconds = fastest_call(device, sizes, [&] {
    backend.ops->accumulate(exec, a.view(backend.master_dtype, {n}),
                            b.view(backend.master_dtype, {n}));
  });
  return 3.0 * static_cast<double>(a.bytes()) / seconds / 1e9;  // two reads, one write
}

/// Seconds of one collective of all ranks, mean of several between two synchronisations; the
/// slowest rank's.
double mean_seconds(Launch& launch, Device& device, int repeats,
                    const std::function<Event()>& collective) {
  device.synchronize(collective());
  const auto start = Clock::now();
  Event done;
  for (int i = 0; i < repeats; ++i) done = collective();
  device.synchronize(done);
  return launch.max_over_ranks(seconds_since(start) / repeats);
}

}  // namespace

RateSizes rate_sizes(const Backend& backend) {
  if (!backend.gpu)
    return {.products = {1024, 1536, 2048},
            .memory_bytes = int64_t{128} << 20,
            .message_bytes = int64_t{16} << 20};
  return {.products = {4096, 6144, 8192},
          .memory_bytes = int64_t{1} << 30,
          .message_bytes = int64_t{1} << 30,
          .stretch_seconds = 5e-3};
}

double large_matmul_tflops(Backend& backend, const RateSizes& sizes) {
  double best = 0;
  for (const int64_t n : sizes.products) best = std::max(best, matmul_tflops(backend, sizes, n));
  return best;
}

MachineRates measure_machine(Backend& backend, const RateSizes& sizes) {
  MachineRates rates;
  rates.matmul_tflops = large_matmul_tflops(backend, sizes);
  rates.mem_gb_per_s = memory_gb_per_s(backend, sizes);
  return rates;
}

LinkRates measure_link(Launch& launch, Backend& backend, const RateSizes& sizes) {
  Device& device = *backend.device;
  const Stream stream = device.communication_stream();
  const int n_rank = launch.info().world_size;
  const std::unique_ptr<Collectives> collectives =
      launch.make_collectives(device, {.strategy = ParallelStrategy::ddp, .n_replica = n_rank});
  const int64_t n_part = sizes.message_bytes / size_of(DType::f32) / n_rank;
  const Buffer whole_buffer = allocate(device, DType::f32, n_part * n_rank);
  const Buffer part_buffer = allocate(device, DType::f32, n_part);
  device.zero(whole_buffer.data(), whole_buffer.bytes(), stream);
  const TensorView whole = whole_buffer.view(DType::f32, {n_part * n_rank});
  const TensorView tiny = whole.flat_slice(0, {2});
  const TensorView own = whole.flat_slice(n_part * launch.info().rank, {n_part});
  const TensorView part = part_buffer.view(DType::f32, {n_part});
  const auto all_reduce = [&](TensorView view) {
    return collectives->all_reduce(view, view, ReduceOp::sum, Group::world, stream, Event());
  };

  const double once = (n_rank - 1.0) / n_rank * static_cast<double>(whole.bytes()) / 1e9;
  LinkRates rates;
  rates.all_reduce_gb_per_s =
      2 * once / mean_seconds(launch, device, 10, [&] { return all_reduce(whole); });
  rates.all_gather_gb_per_s =
      once / mean_seconds(launch, device, 10, [&] {
        return collectives->all_gather(whole, own, Group::world, stream, Event());
      });
  rates.reduce_scatter_gb_per_s = once / mean_seconds(launch, device, 10, [&] {
                                    return collectives->reduce_scatter(
                                        part, whole, ReduceOp::sum, Group::world, stream, Event());
                                  });
  rates.latency_us = mean_seconds(launch, device, 100, [&] { return all_reduce(tiny); }) /
                     (2.0 * (n_rank - 1)) * 1e6;
  return rates;
}

int64_t node_memory_bytes() {
  return static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
}

}  // namespace isoflop
