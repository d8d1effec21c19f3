// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/backend.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace isoflop {

/// A backend with what a test needs to call its ops: tensors made from host values, an arena, and
/// results as doubles. Uses nothing but Device and Ops, so it serves every backend.
class OpRig {
 public:
  static constexpr int64_t kArenaBytes = int64_t{1} << 21;

  /// Values of tensors in the compute type are rounded to `inputs` first, so that a reference can
  /// get the numbers that a backend of lower precision gets.
  explicit OpRig(Backend backend, std::optional<DType> inputs = {});

  Ops& ops() { return *backend_.ops; }
  Device& device() { return *backend_.device; }
  Exec exec() { return {*backend_.device, backend_.device->compute_stream(), arena_}; }
  DType dtype() const { return backend_.compute_dtype; }
  /// Of statistics, gradients of parameters and what the optimizer keeps.
  DType master_dtype() const { return backend_.master_dtype; }
  int64_t arena_peak() const { return arena_.peak(); }

  /// A tensor of these values, rounded to `dtype`.
  TensorView tensor(DType dtype, Extents shape, std::span<const double> values);
  /// A tensor in the compute type.
  TensorView tensor(Extents shape, std::span<const double> values);
  /// A tensor filled with one value.
  TensorView filled(DType dtype, Extents shape, double value);
  TensorView filled(Extents shape, double value) { return filled(dtype(), shape, value); }
  /// A tensor to be written, of undefined content.
  TensorView fresh(Extents shape) { return fresh(dtype(), shape); }
  TensorView fresh(DType dtype, Extents shape);

  /// A StepState on the device.
  StepState* state(const StepState& value);
  StepState read_state(const StepState* state);

  /// Waits for the compute stream and returns the elements.
  std::vector<double> read(const TensorView& view);
  /// Frees the tensors made so far.
  void clear();

 private:
  void upload(void* out, const void* in, int64_t bytes);
  void download(void* out, const void* in, int64_t bytes);

  Backend backend_;
  DType inputs_;
  Arena arena_;
  std::vector<Buffer> buffers_;
};

/// n values uniform in [low, high), reproducible, each a float exactly so that f32 and f64 backends
/// get the same numbers.
std::vector<double> random_values(int64_t n, uint64_t seed, double low = -1, double high = 1);

}  // namespace isoflop
