// SPDX-License-Identifier: MIT
#include "trainer/backend/activations/activations.hpp"
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/cpu/cpu_ops.hpp"
#include "trainer/backend/cpu/element.hpp"
#include "trainer/backend/cpu/parallel.hpp"
#include "trainer/backend/cpu/vector_math.hpp"
#include "trainer/backend/op_contracts.hpp"

namespace isoflop {
namespace {

/// What formulas are computed with in loops that become vector code.
struct VectorMath {
  using Real = float;
  static ISOFLOP_INLINE float exp(float x) { return vector_exp(x); }
  static ISOFLOP_INLINE float sigmoid(float x) { return vector_sigmoid(x); }
  static ISOFLOP_INLINE float normal_cdf(float x) { return vector_normal_cdf(x); }
};

/// out = f(in) for n elements.
template <typename Formula, typename T>
ISOFLOP_VECTORISE void forward(T* out, const T* in, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i)
    out[i] = from_float<T>(Formula::template at<VectorMath>(to_float(in[i])).value);
}

/// out = f(gate) up for n elements.
template <typename Formula, typename T>
ISOFLOP_VECTORISE void gated_forward(T* out, const T* gate, const T* up, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i)
    out[i] =
        from_float<T>(Formula::template at<VectorMath>(to_float(gate[i])).value * to_float(up[i]));
}

/// d_in = d_out f'(in) for n elements.
template <typename Formula, typename T>
ISOFLOP_VECTORISE void backward(T* d_in, const T* d_out, const T* in, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i)
    d_in[i] =
        from_float<T>(to_float(d_out[i]) * Formula::template at<VectorMath>(to_float(in[i])).slope);
}

template <typename T>
struct GatedBackward {
  T *d_gate, *d_up;
  const T *d_out, *gate, *up;
};

/// d_gate = d_out f'(gate) up, d_up = d_out f(gate) for n elements.
template <typename Formula, typename T>
ISOFLOP_VECTORISE void gated_backward(const GatedBackward<T>& row, int64_t n) {
  const auto [d_gate, d_up, d_out, gate, up] = row;
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const ValueAndSlope<float> at = Formula::template at<VectorMath>(to_float(gate[i]));
    const float gradient = to_float(d_out[i]), factor = to_float(up[i]);
    d_up[i] = from_float<T>(gradient * at.value);
    d_gate[i] = from_float<T>(gradient * at.slope * factor);
  }
}

/// Rows [begin, end) of out (M, F).
template <typename Formula, typename T>
void forward_rows(const TensorView& out, const TensorView& in, int64_t begin, int64_t end) {
  const int64_t F = out.extent(1);
  if (in.extent(1) == F)
    return forward<Formula>(out.as<T>() + begin * F, in.as<T>() + begin * F, (end - begin) * F);
  for (int64_t m = begin; m < end; ++m) {
    const T* const gate = in.as<T>() + m * 2 * F;
    gated_forward<Formula>(out.as<T>() + m * F, gate, gate + F, F);
  }
}

/// Rows [begin, end) of d_out (M, F).
template <typename Formula, typename T>
void backward_rows(const TensorView& d_in, const TensorView& d_out, const TensorView& in,
                   int64_t begin, int64_t end) {
  const int64_t F = d_out.extent(1);
  if (in.extent(1) == F)
    return backward<Formula>(d_in.as<T>() + begin * F, d_out.as<T>() + begin * F,
                             in.as<T>() + begin * F, (end - begin) * F);
  for (int64_t m = begin; m < end; ++m) {
    T* const d_gate = d_in.as<T>() + m * 2 * F;
    const T* const gate = in.as<T>() + m * 2 * F;
    gated_backward<Formula>(
        GatedBackward<T>{d_gate, d_gate + F, d_out.as<T>() + m * F, gate, gate + F}, F);
  }
}

/// Calls f.template operator()<Formula, T>().
template <typename F>
void with_formula_and_element(Activation activation, DType dtype, const F& f) {
  with_formula(activation, [&]<typename Formula>() {
    with_element(dtype, [&]<typename T>() { f.template operator()<Formula, T>(); });
  });
}

}  // namespace

void CpuOps::activation_forward(const Exec& exec, TensorView out, TensorView in,
                                Activation activation, FfnType ffn) {
  check_activation(out, in, ffn);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    with_formula_and_element(activation, out.dtype, [&]<typename Formula, typename T>() {
      parallel_for(out.extent(0), 1, in.size(), [&](int64_t begin, int64_t end) {
        forward_rows<Formula, T>(out, in, begin, end);
      });
    });
  });
}

void CpuOps::activation_backward(const Exec& exec, TensorView d_in, TensorView d_out, TensorView in,
                                 Activation activation, FfnType ffn) {
  check_activation(d_out, in, ffn);
  check_activation(d_out, d_in, ffn);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    with_formula_and_element(activation, d_out.dtype, [&]<typename Formula, typename T>() {
      parallel_for(d_out.extent(0), 1, in.size(), [&](int64_t begin, int64_t end) {
        backward_rows<Formula, T>(d_in, d_out, in, begin, end);
      });
    });
  });
}

}  // namespace isoflop
