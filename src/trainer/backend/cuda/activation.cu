// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/cuda_ops.hpp"
#include "trainer/backend/cuda/dispatch.cuh"
#include "trainer/backend/cuda/element.cuh"
#include "trainer/backend/cuda/grid.cuh"
#include "trainer/backend/cuda/launch.cuh"
#include "trainer/backend/op_contracts.hpp"

namespace isoflop {
namespace {

using namespace gpu;

/// A function and its derivative at one point.
struct Value {
  float f;
  float slope;
};

/// Accurate for all x: e^-x overflows to infinity, which gives 0.
__device__ float sigmoid_of(float x) { return 1.0f / (1.0f + expf(-x)); }

/// x/2 (1 + tanh(u)) = x sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3): the second form keeps its
/// relative accuracy for negative x. Source: Hendrycks and Gimpel, arXiv:1606.08415.
struct GeluTanh {
  __device__ static Value at(float x) {
    constexpr float k = 1.5957691216f;  // 2 sqrt(2/pi)
    const float sigmoid = sigmoid_of(k * (x + 0.044715f * x * x * x));
    const float inner_slope = k * (1.0f + 0.134145f * x * x);
    return {x * sigmoid, sigmoid * (1.0f + x * (1.0f - sigmoid) * inner_slope)};
  }
};

/// x Phi(x), Phi the normal distribution function.
struct GeluErf {
  __device__ static Value at(float x) {
    const float phi = 0.5f * erfcf(-0.7071067812f * x);
    const float density = 0.3989422804f * expf(-0.5f * x * x);
    return {x * phi, phi + x * density};
  }
};

struct Silu {
  __device__ static Value at(float x) {
    const float sigmoid = sigmoid_of(x);
    return {x * sigmoid, sigmoid * (1.0f + x * (1.0f - sigmoid))};
  }
};

/// Slope at 0 is that of the left side.
struct Relu {
  __device__ static Value at(float x) { return {x > 0.0f ? x : 0.0f, x > 0.0f ? 1.0f : 0.0f}; }
};

struct LeakyRelu {
  __device__ static Value at(float x) {
    constexpr float k = static_cast<float>(kLeakyReluSlope);
    return {x > 0.0f ? x : k * x, x > 0.0f ? 1.0f : k};
  }
};

template <int kPack>
struct Values {
  Pack<kPack> f, slope;
};

template <typename F, int kPack>
__device__ Values<kPack> evaluate_each(const Pack<kPack>& x) {
  Values<kPack> values;
  for (int i = 0; i < kPack; ++i) {
    const Value value = F::at(x[i]);
    values.f[i] = value.f;
    values.slope[i] = value.slope;
  }
  return values;
}

/// The branch is the same in all threads.
template <int kPack>
__device__ Values<kPack> evaluate(Activation activation, const Pack<kPack>& x) {
  switch (activation) {
    case Activation::gelu_tanh:
      return evaluate_each<GeluTanh>(x);
    case Activation::gelu_erf:
      return evaluate_each<GeluErf>(x);
    case Activation::silu:
      return evaluate_each<Silu>(x);
    case Activation::relu:
      return evaluate_each<Relu>(x);
    case Activation::leaky_relu:
      break;
  }
  return evaluate_each<LeakyRelu>(x);
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
  Pack<kPack> result = evaluate(activation, load<kPack>(gate)).f;
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
  const Values<kPack> values = evaluate(activation, load<kPack>(in + offset));
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

LaunchShape shape_for(const char* name, int64_t rows, int64_t F, int pack) {
  const int threads = threads_for(n_parts(F, pack));
  return {name, rows, threads, 0, n_parts(F, int64_t{pack} * threads)};
}

}  // namespace

void CudaOps::activation_forward(const Exec& exec, TensorView out, TensorView in,
                                 Activation activation, FfnType ffn) {
  check_activation(out, in, ffn);
  const int64_t F = out.extent(1);
  with_pack(out.dtype, F, {out, in}, [&]<typename T, int kPack>() {
    launch(native_stream(exec), shape_for("activation_forward", out.extent(0), F, kPack),
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
    launch(native_stream(exec), shape_for("activation_backward", d_out.extent(0), F, kPack),
           ffn == FfnType::gated ? activation_backward_kernel<T, kPack, true>
                                 : activation_backward_kernel<T, kPack, false>,
           static_cast<T*>(d_in.data), static_cast<const T*>(d_out.data),
           static_cast<const T*>(in.data), F, activation);
  });
}

}  // namespace isoflop
