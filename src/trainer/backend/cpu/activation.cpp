// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/cpu/cpu_ops.hpp"
#include "trainer/backend/cpu/parallel.hpp"
#include "trainer/backend/cpu/vector_math.hpp"
#include "trainer/backend/op_contracts.hpp"

namespace isoflop {
namespace {

/// A function and its derivative at one point.
struct Value {
  float f;
  float slope;
};

/// x/2 (1 + tanh(u)) = x sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3): the second form keeps its
/// relative accuracy for negative x. Source: Hendrycks and Gimpel, arXiv:1606.08415.
struct GeluTanh {
  static ISOFLOP_INLINE Value at(float x) {
    constexpr float k = 1.5957691216f;  // 2 sqrt(2/pi)
    const float sigmoid = vector_sigmoid(k * (x + 0.044715f * x * x * x));
    const float inner_slope = k * (1.0f + 0.134145f * x * x);
    return {x * sigmoid, sigmoid * (1.0f + x * (1.0f - sigmoid) * inner_slope)};
  }
};

/// x Phi(x), Phi the normal distribution function.
struct GeluErf {
  static ISOFLOP_INLINE Value at(float x) {
    const float phi = vector_normal_cdf(x);
    const float density = 0.3989422804f * vector_exp(-0.5f * x * x);
    return {x * phi, phi + x * density};
  }
};

struct Silu {
  static ISOFLOP_INLINE Value at(float x) {
    const float sigmoid = vector_sigmoid(x);
    return {x * sigmoid, sigmoid * (1.0f + x * (1.0f - sigmoid))};
  }
};

/// Slope at 0 is that of the left side.
struct Relu {
  static ISOFLOP_INLINE Value at(float x) { return {x > 0.0f ? x : 0.0f, x > 0.0f ? 1.0f : 0.0f}; }
};

struct LeakyRelu {
  static ISOFLOP_INLINE Value at(float x) {
    constexpr float k = static_cast<float>(kLeakyReluSlope);
    return {x > 0.0f ? x : k * x, x > 0.0f ? 1.0f : k};
  }
};

template <typename F>
ISOFLOP_INLINE void forward_loop(float* out, const float* in, const float* up, int64_t n) {
  if (up == nullptr) {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) out[i] = F::at(in[i]).f;
  } else {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) out[i] = F::at(in[i]).f * up[i];
  }
}

template <typename F>
ISOFLOP_INLINE void backward_loop(float* d_in, float* d_up, const float* d_out, const float* in,
                                  const float* up, int64_t n) {
  if (up == nullptr) {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) d_in[i] = d_out[i] * F::at(in[i]).slope;
  } else {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) {
      const Value value = F::at(in[i]);
      const float gradient = d_out[i], factor = up[i];
      d_up[i] = gradient * value.f;
      d_in[i] = gradient * value.slope * factor;
    }
  }
}

/// out = act(in) [* up] for n elements.
ISOFLOP_VECTORISE void forward(Activation activation, float* out, const float* in, const float* up,
                               int64_t n) {
  switch (activation) {
    case Activation::gelu_tanh:
      return forward_loop<GeluTanh>(out, in, up, n);
    case Activation::gelu_erf:
      return forward_loop<GeluErf>(out, in, up, n);
    case Activation::silu:
      return forward_loop<Silu>(out, in, up, n);
    case Activation::relu:
      return forward_loop<Relu>(out, in, up, n);
    case Activation::leaky_relu:
      return forward_loop<LeakyRelu>(out, in, up, n);
  }
}

ISOFLOP_VECTORISE void backward(Activation activation, float* d_in, float* d_up, const float* d_out,
                                const float* in, const float* up, int64_t n) {
  switch (activation) {
    case Activation::gelu_tanh:
      return backward_loop<GeluTanh>(d_in, d_up, d_out, in, up, n);
    case Activation::gelu_erf:
      return backward_loop<GeluErf>(d_in, d_up, d_out, in, up, n);
    case Activation::silu:
      return backward_loop<Silu>(d_in, d_up, d_out, in, up, n);
    case Activation::relu:
      return backward_loop<Relu>(d_in, d_up, d_out, in, up, n);
    case Activation::leaky_relu:
      return backward_loop<LeakyRelu>(d_in, d_up, d_out, in, up, n);
  }
}

}  // namespace

void CpuOps::activation_forward(const Exec& exec, TensorView out, TensorView in,
                                Activation activation, FfnType ffn) {
  check_activation(out, in, ffn);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    const int64_t F = out.extent(1), width = in.extent(1);
    parallel_for(out.extent(0), 1, in.size(), [&](int64_t begin, int64_t end) {
      for (int64_t m = begin; m < end; ++m) {
        const float* const row = in.as<float>() + m * width;
        forward(activation, out.as<float>() + m * F, row, ffn == FfnType::gated ? row + F : nullptr,
                F);
      }
    });
  });
}

void CpuOps::activation_backward(const Exec& exec, TensorView d_in, TensorView d_out, TensorView in,
                                 Activation activation, FfnType ffn) {
  check_activation(d_out, in, ffn);
  check_activation(d_out, d_in, ffn);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    const int64_t F = d_out.extent(1), width = in.extent(1);
    const bool gated = ffn == FfnType::gated;
    parallel_for(d_out.extent(0), 1, in.size(), [&](int64_t begin, int64_t end) {
      for (int64_t m = begin; m < end; ++m) {
        const float* const row = in.as<float>() + m * width;
        float* const d_row = d_in.as<float>() + m * width;
        backward(activation, d_row, gated ? d_row + F : nullptr, d_out.as<float>() + m * F, row,
                 gated ? row + F : nullptr, F);
      }
    });
  });
}

}  // namespace isoflop
