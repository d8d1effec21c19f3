// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/backend.hpp"

#include <benchmark/benchmark.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace isoflop {

/// FLOP/s of products of 1024, 1536 or 2048 cubed in this type, the highest; measured at the first
/// call of a run.
double peak_flops(DType compute_dtype);

/// The CPU backend in one compute type, on all threads that OpenMP offers (OMP_NUM_THREADS), with
/// tensors to call its ops on.
class BenchRig {
 public:
  explicit BenchRig(DType compute_dtype);

  DType dtype() const { return backend_.compute_dtype; }
  Ops& ops() { return *backend_.ops; }
  Exec exec() { return {*backend_.device, backend_.device->compute_stream(), arena_}; }

  /// f32, bf16 or f16, uniform in [-1, 1).
  TensorView tensor(DType dtype, Extents shape);
  TensorView tensor(Extents shape) { return tensor(dtype(), shape); }
  /// i32, uniform in [0, limit).
  TensorView indices(Extents shape, int32_t limit);
  TensorView zeros(DType dtype, Extents shape);

  /// Runs `work`, which enqueues ops, to its end.
  void run(const std::function<void()>& work);
  /// Repeats `work`, ops of so many FLOPs; reports the FLOP/s and their share of the peak. Both
  /// count processor time divided by the number of threads, which other programs do not add to.
  void measure(benchmark::State& state, double flops, const std::function<void()>& work);
  /// The same of ops that read and write so many bytes once; reports nanoseconds an element and
  /// bytes a second.
  void measure_elements(benchmark::State& state, int64_t elements, int64_t bytes,
                        const std::function<void()>& work);

 private:
  /// Processor time of an iteration, divided by the number of threads.
  double mean_seconds(benchmark::State& state, const std::function<void()>& work);
  TensorView fresh(DType dtype, Extents shape);

  Backend backend_;
  Arena arena_;
  std::vector<Buffer> buffers_;
};

/// Registers `work(state)` under `name`.
void add_benchmark(const std::string& name, const std::function<void(benchmark::State&)>& work);

/// One of these for each file of benchmarks, called by main.
void add_linear_benchmarks();
void add_head_loss_benchmarks();
void add_elementwise_benchmarks();
void add_attention_benchmarks();
void add_muon_benchmarks();
void add_update_benchmarks();

}  // namespace isoflop
