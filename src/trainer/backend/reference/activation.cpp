// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/op_contracts.hpp"
#include "trainer/backend/reference/reference_ops.hpp"

#include <cmath>
#include <numbers>
#include <stdexcept>

namespace isoflop {
namespace {

/// A function and its derivative at one point.
struct Value {
  double f = 0;
  double slope = 0;
};

/// x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))). Source: Hendrycks and Gimpel, arXiv:1606.08415.
Value gelu_tanh(double x) {
  const double k = std::sqrt(2 / std::numbers::pi);
  const double t = std::tanh(k * (x + 0.044715 * x * x * x));
  const double inner_slope = k * (1 + 3 * 0.044715 * x * x);
  return {0.5 * x * (1 + t), 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * inner_slope};
}

/// x Phi(x), Phi the normal distribution function.
Value gelu_erf(double x) {
  const double phi = 0.5 * (1 + std::erf(x / std::numbers::sqrt2));
  const double density = std::exp(-0.5 * x * x) / std::sqrt(2 * std::numbers::pi);
  return {x * phi, phi + x * density};
}

Value silu(double x) {
  const double sigmoid = 1 / (1 + std::exp(-x));
  return {x * sigmoid, sigmoid * (1 + x * (1 - sigmoid))};
}

/// Slope at 0 is that of the left side.
Value leaky(double x, double slope) { return x > 0 ? Value{x, 1} : Value{slope * x, slope}; }

Value evaluate(Activation activation, double x) {
  switch (activation) {
    case Activation::gelu_tanh:
      return gelu_tanh(x);
    case Activation::gelu_erf:
      return gelu_erf(x);
    case Activation::silu:
      return silu(x);
    case Activation::relu:
      return leaky(x, 0);
    case Activation::leaky_relu:
      return leaky(x, kLeakyReluSlope);
  }
  throw std::logic_error("activation outside the enumeration");
}

}  // namespace

void ReferenceOps::activation_forward(const Exec& exec, TensorView out, TensorView in,
                                      Activation activation, FfnType ffn) {
  check_activation(out, in, ffn);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    const int64_t F = out.extent(1), width = in.extent(1);
    for (int64_t m = 0; m < out.extent(0); ++m) {
      const double* const row = in.as<double>() + m * width;
      for (int64_t f = 0; f < F; ++f) {
        const double up = ffn == FfnType::gated ? row[F + f] : 1;
        out.as<double>()[m * F + f] = evaluate(activation, row[f]).f * up;
      }
    }
  });
}

void ReferenceOps::activation_backward(const Exec& exec, TensorView d_in, TensorView d_out,
                                       TensorView in, Activation activation, FfnType ffn) {
  check_activation(d_out, in, ffn);
  check_activation(d_out, d_in, ffn);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    const int64_t F = d_out.extent(1), width = in.extent(1);
    for (int64_t m = 0; m < d_out.extent(0); ++m) {
      const double* const row = in.as<double>() + m * width;
      double* const d_row = d_in.as<double>() + m * width;
      for (int64_t f = 0; f < F; ++f) {
        const double gradient = d_out.as<double>()[m * F + f];
        const Value value = evaluate(activation, row[f]);
        const double up = ffn == FfnType::gated ? row[F + f] : 1;
        if (ffn == FfnType::gated) d_row[F + f] = gradient * value.f;
        d_row[f] = gradient * value.slope * up;
      }
    }
  });
}

}  // namespace isoflop
