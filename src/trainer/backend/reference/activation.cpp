// SPDX-License-Identifier: MIT
#include "trainer/backend/activations/activations.hpp"
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/op_contracts.hpp"
#include "trainer/backend/reference/reference_ops.hpp"

namespace isoflop {
namespace {

ValueAndSlope<double> evaluate(Activation activation, double x) {
  ValueAndSlope<double> result{};
  with_formula(activation, [&]<typename Formula>() {
    result = {Formula::reference(x), Formula::reference_slope(x)};
  });
  return result;
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
        out.as<double>()[m * F + f] = evaluate(activation, row[f]).value * up;
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
        const ValueAndSlope<double> at = evaluate(activation, row[f]);
        const double up = ffn == FfnType::gated ? row[F + f] : 1;
        if (ffn == FfnType::gated) d_row[F + f] = gradient * at.value;
        d_row[f] = gradient * at.slope * up;
      }
    }
  });
}

}  // namespace isoflop
