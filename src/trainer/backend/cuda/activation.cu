// SPDX-License-Identifier: MIT
#define ISOFLOP_FORMULA __device__
#include "trainer/backend/activations/activations.hpp"
#include "trainer/backend/cuda/cuda_ops.hpp"
#include "trainer/backend/cuda/dispatch.cuh"
#include "trainer/backend/cuda/element.cuh"
#include "trainer/backend/cuda/grid.cuh"
#include "trainer/backend/cuda/launch.cuh"
#include "trainer/backend/op_contracts.hpp"

namespace isoflop {
namespace {

using namespace gpu;

/// What formulas are computed with: accurate for all x, e^-x overflows to infinity, which gives 0.
struct DeviceMath {
  using Real = float;
  __device__ static float exp(float x) { return expf(x); }
  __device__ static float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }
  __device__ static float normal_cdf(float x) { return 0.5f * erfcf(-0.7071067812f * x); }
};

template <int kPack>
struct Values {
  Pack<kPack> f, slope;
};

template <typename Formula, int kPack>
__device__ void evaluate(Values<kPack>& values, const Pack<kPack>& x) {
  for (int i = 0; i < kPack; ++i) {
    const ValueAndSlope<float> at = Formula::template at<DeviceMath>(x[i]);
    values.f[i] = at.value;
    values.slope[i] = at.slope;
  }
}

/// The branch is the same in all threads.
template <int kPack, typename... Formulas>
__device__ Values<kPack> evaluate(Activation activation, const Pack<kPack>& x,
                                  FormulaList<Formulas...>) {
  Values<kPack> values{};
  ((activation == Formulas::kKind ? evaluate<Formulas>(values, x) : void()), ...);
  return values;
}

/// The thread's first column: blocks take a row along x and a part of its F columns along y.
template <int kPack>
__device__ int64_t first_column() {
  return (static_cast<int64_t>(blockIdx.y) * blockDim.x + threadIdx.x) * kPack;
}

/// One pack per thread. `in` has rows of F, or of 2F when gated.
template <typename T, int kPack, bool kGated>
__global__ void __launch_bounds__(kThreads)
    activation_forward_kernel(T* out, const T* in, int64_t F, Activation activation) {
  const int64_t row = blockIdx.x, column = first_column<kPack>();
  if (column >= F) return;
  const T* const gate = in + row * (kGated ? 2 * F : F) + column;
  Pack<kPack> result = evaluate(activation, load<kPack>(gate), ActivationFormulas{}).f;
  if constexpr (kGated) {
    const Pack<kPack> up = load<kPack>(gate + F);
    for (int i = 0; i < kPack; ++i) result[i] *= up[i];
  }
  store(out + row * F + column, result);
}

/// One pack of d_out per thread.
template <typename T, int kPack, bool kGated>
__global__ void __launch_bounds__(kThreads)
    activation_backward_kernel(T* d_in, const T* d_out, const T* in, int64_t F,
                               Activation activation) {
  const int64_t row = blockIdx.x, column = first_column<kPack>();
  if (column >= F) return;
  const int64_t offset = row * (kGated ? 2 * F : F) + column;
  const Pack<kPack> gradient = load<kPack>(d_out + row * F + column);
  const Values<kPack> values = evaluate(activation, load<kPack>(in + offset), ActivationFormulas{});
  Pack<kPack> d_gate;
  for (int i = 0; i < kPack; ++i) d_gate[i] = gradient[i] * values.slope[i];
  if constexpr (kGated) {
    const Pack<kPack> up = load<kPack>(in + offset + F);
    Pack<kPack> d_up;
    for (int i = 0; i < kPack; ++i) {
      d_up[i] = gradient[i] * values.f[i];
      d_gate[i] *= up[i];
    }
    store(d_in + offset + F, d_up);
  }
  store(d_in + offset, d_gate);
}

LaunchShape shape_for(const char* name, int64_t rows, int64_t F, int pack, KernelBytes bytes) {
  const int threads = threads_for(n_parts(F, pack));
  return {name, rows, threads, 0, n_parts(F, int64_t{pack} * threads), bytes};
}

}  // namespace

void CudaOps::activation_forward(const Exec& exec, TensorView out, TensorView in,
                                 Activation activation, FfnType ffn) {
  check_activation(out, in, ffn);
  const int64_t F = out.extent(1);
  with_pack(out.dtype, F, {out, in}, [&]<typename T, int kPack>() {
    launch(native_stream(exec),
           shape_for("activation_forward", out.extent(0), F, kPack, {in.bytes(), out.bytes()}),
           ffn == FfnType::gated ? activation_forward_kernel<T, kPack, true>
                                 : activation_forward_kernel<T, kPack, false>,
           static_cast<T*>(out.data), static_cast<const T*>(in.data), F, activation);
  });
}

void CudaOps::activation_backward(const Exec& exec, TensorView d_in, TensorView d_out,
                                  TensorView in, Activation activation, FfnType ffn) {
  check_activation(d_out, in, ffn);
  check_activation(d_out, d_in, ffn);
  const int64_t F = d_out.extent(1);
  with_pack(d_out.dtype, F, {d_in, d_out, in}, [&]<typename T, int kPack>() {
    launch(native_stream(exec),
           shape_for("activation_backward", d_out.extent(0), F, kPack,
                     {d_out.bytes() + in.bytes(), d_in.bytes()}),
           ffn == FfnType::gated ? activation_backward_kernel<T, kPack, true>
                                 : activation_backward_kernel<T, kPack, false>,
           static_cast<T*>(d_in.data), static_cast<const T*>(d_out.data),
           static_cast<const T*>(in.data), F, activation);
  });
}

}  // namespace isoflop
