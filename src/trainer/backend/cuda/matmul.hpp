// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/algorithm_choice.hpp"
#include "trainer/backend/device.hpp"
#include "trainer/tensor/dtype.hpp"

#include <compare>
#include <cstdint>
#include <memory>
#include <string_view>

namespace isoflop {

class CudaDevice;

/// What a product does with its sums, in f32, before they are rounded. aux is a second matrix of
/// c's shape, stride and dtype.
enum class MatmulEpilogue {
  none,
  gelu,  ///< aux = sums, c = GELU (tanh form) of the sums as they are before aux is rounded
  gelu_gradient,  ///< c = sums times the derivative of that GELU at aux
};

/// A product c (M, N) = op(a) (M, K) op(b) (K, N) [+ bias (N)] [+ c] of row-major matrices. a is
/// stored (K, M) when transpose_a, b (N, K) when transpose_b; strides are elements between stored
/// rows. a and b share a dtype; c may be wider (f32 gradients of 2-byte operands); bias has c's
/// dtype. Sums are f32 and never TF32. A batch is n_batch such products without bias and
/// epilogue, their operands a_step, b_step and c_step elements apart.
struct MatmulShape {
  int64_t M = 0, N = 0, K = 0;
  bool transpose_a = false, transpose_b = false;
  int64_t a_stride = 0, b_stride = 0, c_stride = 0;
  int64_t starts = 0;  ///< operands start on multiples of so many elements; 0: of kBufferAlignment
  DType in = DType::f32, out = DType::f32;
  bool has_bias = false;
  bool accumulate = false;
  MatmulEpilogue epilogue = MatmulEpilogue::none;
  int64_t n_batch = 1;
  int64_t a_step = 0, b_step = 0, c_step = 0;

  auto operator<=>(const MatmulShape&) const = default;
};

/// Of MatmulPlans::run_blended().
struct MatmulBlend {
  float alpha = 1, beta = 0;
  const void* addend = nullptr;
};

/// How far MatmulPlans::choose() goes.
struct TimingLimits {
  int n_algorithm = 8;  ///< of a shape, the first that cuBLASLt names
  double seconds = 10;  ///< products whose turn comes later are not timed
};

/// Matrix products by cuBLASLt, each shape planned once: by prepare(), or at its first use, with
/// the algorithm that cuBLASLt names first.
class MatmulPlans {
 public:
  explicit MatmulPlans(CudaDevice& device);
  ~MatmulPlans();
  MatmulPlans(const MatmulPlans&) = delete;
  MatmulPlans& operator=(const MatmulPlans&) = delete;

  /// Plans a shape; host work only. Throws ConfigError naming the shape when cuBLASLt has no
  /// algorithm for it.
  void prepare(const MatmulShape& shape);
  /// The same where cuBLASLt may have none: whether it has.
  bool has(const MatmulShape& shape);
  /// Chooses an algorithm for each planned shape: that of `known` (an AlgorithmTable as text) if it
  /// is of this kind of GPU and this library, who must still have it, else by timing. Takes memory
  /// while it does, as MatmulTimer says, and waits for the GPU. What is planned stays as it is: see
  /// use().
  AlgorithmChoice choose(std::string_view known, const TimingLimits& limits = {});
  /// Computes planned shapes by the algorithms of a table that choose() made, here or on another
  /// rank. Throws ConfigError when this GPU refuses one or the table lacks a shape.
  void use(std::string_view chosen);
  /// Enqueues the product; its workspace comes from exec.arena.
  void run(const Exec& exec, const MatmulShape& shape, void* c, const void* a, const void* b,
           const void* bias = nullptr, void* aux = nullptr);
  /// The same of a shape without bias, accumulation and epilogue, blended with another matrix of
  /// c's shape: c = alpha op(a) op(b) + beta addend.
  void run_blended(const Exec& exec, const MatmulShape& shape, void* c, const void* a,
                   const void* b, const MatmulBlend& blend);
  /// Arena bytes that run() takes.
  int64_t workspace_bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace isoflop
