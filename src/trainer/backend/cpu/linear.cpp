// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/column_sum.hpp"
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/cpu/cpu_ops.hpp"
#include "trainer/backend/op_contracts.hpp"

namespace isoflop {
namespace {

MatrixLayout rows_of(const TensorView& matrix) { return {matrix.extent(1), 1, matrix.dtype}; }
MatrixLayout transposed(const TensorView& matrix) { return {1, matrix.extent(1), matrix.dtype}; }

CpuMatmulShape forward_shape(const TensorView& out, const TensorView& x, const TensorView& w,
                             const TensorView& bias) {
  CpuMatmulShape shape{out.extent(0), out.extent(1), x.extent(1),
                       rows_of(x),    transposed(w), rows_of(out)};
  if (bias) shape.bias = bias.dtype;
  return shape;
}

CpuMatmulShape input_gradient_shape(const TensorView& d_x, const TensorView& d_out,
                                    const TensorView& w) {
  return {d_x.extent(0), d_x.extent(1), d_out.extent(1), rows_of(d_out), rows_of(w), rows_of(d_x)};
}

CpuMatmulShape weight_gradient_shape(const TensorView& d_w, const TensorView& d_out,
                                     const TensorView& x, Accumulate into_d_w) {
  return {.M = d_w.extent(0),
          .N = d_w.extent(1),
          .K = x.extent(0),
          .a = transposed(d_out),
          .b = rows_of(x),
          .c = rows_of(d_w),
          .accumulate = into_d_w};
}

}  // namespace

void CpuOps::linear_forward(const Exec& exec, TensorView out, TensorView x, TensorView w,
                            TensorView bias) {
  check_linear(out, x, w, bias);
  const Arena::Scope scope(exec.arena);
  const CpuMatmulShape shape = forward_shape(out, x, w, bias);
  float* const scratch = product_scratch(matmul_, exec.arena, {shape});
  as_cpu_device(exec.device).enqueue(exec.stream, [=, this] {
    matmul_.run(shape, {out.data, x.data, w.data, bias.data, scratch});
  });
}

void CpuOps::linear_backward_input(const Exec& exec, TensorView d_x, TensorView d_out,
                                   TensorView w) {
  check_linear(d_out, d_x, w, {});
  const Arena::Scope scope(exec.arena);
  const CpuMatmulShape shape = input_gradient_shape(d_x, d_out, w);
  float* const scratch = product_scratch(matmul_, exec.arena, {shape});
  as_cpu_device(exec.device).enqueue(exec.stream, [=, this] {
    matmul_.run(shape, {.c = d_x.data, .a = d_out.data, .b = w.data, .scratch = scratch});
  });
}

void CpuOps::linear_backward_weight(const Exec& exec, TensorView d_w, TensorView d_bias,
                                    TensorView d_out, TensorView x, Accumulate into_d_w) {
  check_linear(d_out, x, d_w, d_bias);
  const Arena::Scope scope(exec.arena);
  const CpuMatmulShape shape = weight_gradient_shape(d_w, d_out, x, into_d_w);
  float* const scratch = product_scratch(matmul_, exec.arena, {shape});
  as_cpu_device(exec.device).enqueue(exec.stream, [=, this] {
    matmul_.run(shape, {.c = d_w.data, .a = d_out.data, .b = x.data, .scratch = scratch});
    if (d_bias) add_column_sums(d_bias.as<float>(), d_out);
  });
}

}  // namespace isoflop
