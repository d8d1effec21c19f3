// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/linear.hpp"

#include "core/parallel/fused_gelu.hpp"
#include "trainer/backend/cuda/column_sum.hpp"
#include "trainer/backend/cuda/cuda_ops.hpp"
#include "trainer/backend/op_contracts.hpp"

namespace isoflop {
namespace {

/// out (M, N) = x (M, K) w^T, w (N, K).
MatmulShape forward_shape(int64_t M, int64_t N, int64_t K, DType compute, bool has_bias) {
  return {.M = M,
          .N = N,
          .K = K,
          .transpose_b = true,
          .a_stride = K,
          .b_stride = K,
          .c_stride = N,
          .in = compute,
          .out = compute,
          .has_bias = has_bias};
}

/// d_x (M, K) = d_out (M, N) w.
MatmulShape backward_input_shape(int64_t M, int64_t N, int64_t K, DType compute) {
  return {.M = M,
          .N = K,
          .K = N,
          .a_stride = N,
          .b_stride = K,
          .c_stride = K,
          .in = compute,
          .out = compute};
}

/// d_w (N, K) = d_out^T x, or +=.
MatmulShape backward_weight_shape(int64_t M, int64_t N, int64_t K, DType compute,
                                  Accumulate into_d_w) {
  return {.M = N,
          .N = K,
          .K = M,
          .transpose_a = true,
          .a_stride = N,
          .b_stride = K,
          .c_stride = K,
          .in = compute,
          .out = DType::f32,
          .accumulate = into_d_w == Accumulate::yes};
}

/// The same product, ending with GELU of its result.
MatmulShape gelu_shape(int64_t M, int64_t N, int64_t K, DType compute, bool has_bias) {
  MatmulShape shape = forward_shape(M, N, K, compute, has_bias);
  shape.epilogue = MatmulEpilogue::gelu;
  return shape;
}

/// The way back, ending with the gradient of GELU.
MatmulShape gelu_gradient_shape(int64_t M, int64_t N, int64_t K, DType compute) {
  MatmulShape shape = backward_input_shape(M, N, K, compute);
  shape.epilogue = MatmulEpilogue::gelu_gradient;
  return shape;
}

}  // namespace

void prepare_linear(MatmulPlans& plans, int64_t M, int64_t N, int64_t K, DType compute,
                    bool has_bias) {
  plans.prepare(forward_shape(M, N, K, compute, has_bias));
  plans.prepare(backward_input_shape(M, N, K, compute));
  for (const Accumulate into_d_w : {Accumulate::no, Accumulate::yes})
    plans.prepare(backward_weight_shape(M, N, K, compute, into_d_w));
}

void prepare_gelu_products(MatmulPlans& plans, int64_t M, int64_t F, int64_t C, DType compute,
                           bool has_bias) {
  plans.has(gelu_shape(M, F, C, compute, has_bias));
  plans.has(gelu_gradient_shape(M, C, F, compute));
}

void CudaOps::linear_forward(const Exec& exec, TensorView out, TensorView x, TensorView w,
                             TensorView bias) {
  check_linear(out, x, w, bias);
  const MatmulShape shape =
      forward_shape(out.extent(0), out.extent(1), x.extent(1), x.dtype, static_cast<bool>(bias));
  matmul_.run(exec, shape, out.data, x.data, w.data, bias.data);
}

void CudaOps::linear_backward_input(const Exec& exec, TensorView d_x, TensorView d_out,
                                    TensorView w) {
  check_linear(d_out, d_x, w, {});
  const MatmulShape shape =
      backward_input_shape(d_out.extent(0), d_out.extent(1), d_x.extent(1), d_x.dtype);
  matmul_.run(exec, shape, d_x.data, d_out.data, w.data);
}

bool CudaOps::fuses(Activation activation, DType dtype, int64_t d_ff) const {
  return fuse_gelu_ && fuses_gelu(device_.sm_version(), activation, size_of(dtype), d_ff);
}

void CudaOps::linear_activation_forward(const Exec& exec, TensorView out, TensorView in,
                                        TensorView x, TensorView w, TensorView bias,
                                        Activation activation) {
  check_linear(in, x, w, bias);
  check_activation(out, in, FfnType::standard);
  const int64_t F = in.extent(1);
  const MatmulShape shape =
      gelu_shape(x.extent(0), F, x.extent(1), x.dtype, static_cast<bool>(bias));
  if (!fuses(activation, x.dtype, F) || !matmul_.has(shape))
    return Ops::linear_activation_forward(exec, out, in, x, w, bias, activation);
  matmul_.run(exec, shape, out.data, x.data, w.data, bias.data, in.data);
}

void CudaOps::linear_activation_backward(const Exec& exec, TensorView d_in, TensorView d_out,
                                         TensorView w, TensorView in, Activation activation) {
  check_linear(d_out, d_in, w, {});
  check_activation(d_in, in, FfnType::standard);
  const int64_t F = d_in.extent(1);
  const MatmulShape shape = gelu_gradient_shape(d_out.extent(0), d_out.extent(1), F, d_out.dtype);
  if (!fuses(activation, d_out.dtype, F) || !matmul_.has(shape))
    return Ops::linear_activation_backward(exec, d_in, d_out, w, in, activation);
  matmul_.run(exec, shape, d_in.data, d_out.data, w.data, nullptr, in.data);
}

void CudaOps::linear_backward_weight(const Exec& exec, TensorView d_w, TensorView d_bias,
                                     TensorView d_out, TensorView x, Accumulate into_d_w) {
  check_linear(d_out, x, d_w, d_bias);
  ISOFLOP_CHECK(d_w.dtype == DType::f32);
  const MatmulShape shape =
      backward_weight_shape(d_out.extent(0), d_out.extent(1), x.extent(1), x.dtype, into_d_w);
  matmul_.run(exec, shape, d_w.data, d_out.data, x.data);
  if (d_bias) add_column_sums(exec, d_bias, d_out);
}

}  // namespace isoflop
