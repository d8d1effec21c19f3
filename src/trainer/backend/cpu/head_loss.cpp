// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/convert.hpp"
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/cpu/cpu_ops.hpp"
#include "trainer/backend/cpu/parallel.hpp"
#include "trainer/backend/cpu/vector_math.hpp"
#include "trainer/backend/op_contracts.hpp"
#include "trainer/tensor/bf16.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <omp.h>
#include <span>
#include <tuple>

namespace isoflop {
namespace {

ISOFLOP_VECTORISE float largest(const float* values, int64_t n) {
  float result = values[0];
#pragma omp simd reduction(max : result)
  for (int64_t i = 0; i < n; ++i) result = values[i] > result ? values[i] : result;
  return result;
}

/// Values become e^(value - shift); returns their sum.
ISOFLOP_VECTORISE float to_exp(float* values, float shift, int64_t n) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) {
    values[i] = vector_exp(values[i] - shift);
    sum += values[i];
  }
  return sum;
}

ISOFLOP_VECTORISE void multiply(float* values, float factor, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) values[i] *= factor;
}

ISOFLOP_VECTORISE void multiply_to_bf16(Bf16* out, const float* in, float factor, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] = to_bf16(in[i] * factor);
}

/// What is known of a row's softmax, e^(logit - shift) / sum.
struct Softmax {
  float shift = 0;
  float sum = 0;
};

/// Leaves e^(logit - shift) in the logits.
Softmax to_softmax(float* logits, int64_t V) {
  const float shift = largest(logits, V);
  return {shift, to_exp(logits, shift, V)};
}

double log_sum_exp(const Softmax& softmax) {
  return static_cast<double>(softmax.shift) + std::log(static_cast<double>(softmax.sum));
}

/// Values become bf16 multiples of themselves, at the start of their own memory.
void multiply_in_place_to_bf16(float* values, float factor, int64_t n) {
  constexpr int64_t kBlock = 256;
  std::array<Bf16, kBlock> block;
  for (int64_t i = 0; i < n; i += kBlock) {
    const int64_t size = std::min(kBlock, n - i);
    multiply_to_bf16(block.data(), values + i, factor, size);
    std::memcpy(element(values, DType::bf16, i), block.data(),
                static_cast<std::size_t>(size * size_of(DType::bf16)));
  }
}

/// e^(logit - shift) become scale (softmax (1 + 2 z_loss lse) - one_hot(target)), f32 or bf16 at
/// the start of the row's memory.
void to_gradient(float* exps, int64_t V, int64_t target, const Softmax& softmax, float scale,
                 double z_loss, DType type) {
  const auto z = static_cast<float>(1 + 2 * z_loss * log_sum_exp(softmax));
  const float factor = scale * z / softmax.sum;
  const float at_target = exps[target] * factor - scale;
  if (type == DType::bf16)
    multiply_in_place_to_bf16(exps, factor, V);
  else
    multiply(exps, factor, V);
  narrow(element(exps, type, target), type, &at_target, 1);
}

/// The operands of some rows (tokens) of head_loss; d_x and d_w are null when only the loss is
/// wanted. x, w and d_x are of `dtype`.
struct Chunk {
  void* d_x;
  float* d_w;
  float* logits;
  const void* x;
  const void* w;
  const int32_t* targets;
  float* scratch;
  int64_t M, V, C;
  DType dtype;
  Accumulate into_d_w;

  bool wants_gradient() const { return d_x != nullptr; }
};

/// The gradient takes the place of the logits: in f32, or for bf16 products as bf16 in the first
/// half of each row.
MatrixLayout gradient_layout(const Chunk& chunk) {
  if (chunk.dtype == DType::bf16) return {2 * chunk.V, 1, DType::bf16};
  return {chunk.V, 1, DType::f32};
}

MatrixLayout transposed(const MatrixLayout& layout) {
  return {layout.col_stride, layout.row_stride, layout.dtype};
}

/// logits (M, V) = x (M, C) w^T.
CpuMatmulShape logits_product(int64_t M, int64_t V, int64_t C, DType dtype) {
  return {M, V, C, {C, 1, dtype}, {1, C, dtype}, {V, 1, DType::f32}};
}

CpuMatmulShape logits_product(const Chunk& chunk) {
  return logits_product(chunk.M, chunk.V, chunk.C, chunk.dtype);
}

CpuMatmulShape d_x_product(const Chunk& chunk) {
  const auto [M, V, C, dtype] = std::tuple(chunk.M, chunk.V, chunk.C, chunk.dtype);
  return {M, C, V, gradient_layout(chunk), {C, 1, dtype}, {C, 1, dtype}};
}

CpuMatmulShape d_w_product(const Chunk& chunk) {
  return {.M = chunk.V,
          .N = chunk.C,
          .K = chunk.M,
          .a = transposed(gradient_layout(chunk)),
          .b = {chunk.C, 1, chunk.dtype},
          .c = {chunk.C, 1, DType::f32},
          .accumulate = chunk.into_d_w};
}

/// Rows [begin, end): returns the losses, and leaves the gradient in the logits where it is wanted.
HeadLosses process_rows(const Chunk& chunk, float grad_scale, double z_loss, int64_t begin,
                        int64_t end) {
  HeadLosses losses;
  for (int64_t m = begin; m < end; ++m) {
    float* const logits = chunk.logits + m * chunk.V;
    const int64_t target = chunk.targets[m];
    if (target < 0) {
      std::fill_n(logits, chunk.V, 0.0f);
      continue;
    }
    const auto logit = static_cast<double>(logits[target]);
    const Softmax softmax = to_softmax(logits, chunk.V);
    const double lse = log_sum_exp(softmax);
    losses.cross_entropy += lse - logit;
    losses.z_loss += z_loss * lse * lse;
    if (chunk.wants_gradient())
      to_gradient(logits, chunk.V, target, softmax, grad_scale, z_loss,
                  gradient_layout(chunk).dtype);
  }
  return losses;
}

/// `partial_losses` has one place per thread.
HeadLosses process_chunk(MatmulCache& matmul, std::span<HeadLosses> partial_losses,
                         const Chunk& chunk, float grad_scale, double z_loss) {
  const auto [d_x, d_w, logits, x, w, targets, scratch, M, V, C, dtype, into_d_w] = chunk;
  matmul.run(logits_product(chunk), {.c = logits, .a = x, .b = w, .scratch = scratch});
  std::fill(partial_losses.begin(), partial_losses.end(), HeadLosses{});
  parallel_for(M, 1, M * V, [&](int64_t begin, int64_t end) {
    partial_losses[static_cast<std::size_t>(omp_get_thread_num())] =
        process_rows(chunk, grad_scale, z_loss, begin, end);
  });
  if (chunk.wants_gradient()) {
    matmul.run(d_x_product(chunk), {.c = d_x, .a = logits, .b = w, .scratch = scratch});
    matmul.run(d_w_product(chunk), {.c = d_w, .a = logits, .b = x, .scratch = scratch});
  }
  HeadLosses total;
  for (const HeadLosses& part : partial_losses) total += part;
  return total;
}

float* scratch_of(MatmulCache& products, Arena& arena, const Chunk& first, int64_t n_rows) {
  Chunk last = first;
  last.M = (n_rows - 1) % first.M + 1;
  return product_scratch(products, arena,
                         {logits_product(first), d_x_product(first), d_w_product(first),
                          logits_product(last), d_x_product(last), d_w_product(last)});
}

/// Rows [m, m + chunk.M) of the whole op's operands.
Chunk rows_from(Chunk chunk, int64_t m) {
  if (chunk.wants_gradient()) chunk.d_x = element(chunk.d_x, chunk.dtype, m * chunk.C);
  chunk.x = element(chunk.x, chunk.dtype, m * chunk.C);
  chunk.targets += m;
  return chunk;
}

}  // namespace

void CpuOps::head_loss(const Exec& exec, TensorView loss_sums, TensorView d_x, TensorView d_w,
                       TensorView logits, TensorView x, TensorView w, TensorView targets,
                       const HeadLossParams& params) {
  check_head_loss(loss_sums, d_x, d_w, logits, x, w, targets);
  const Arena::Scope scope(exec.arena);
  Chunk first{.d_x = d_x.data,
              .d_w = d_w ? d_w.as<float>() : nullptr,
              .logits = logits.as<float>(),
              .x = x.data,
              .w = w.data,
              .targets = targets.as<int32_t>(),
              .scratch = nullptr,
              .M = std::min(logits.extent(0), x.extent(0)),
              .V = w.extent(0),
              .C = w.extent(1),
              .dtype = x.dtype,
              .into_d_w = params.into_d_w};
  first.scratch = scratch_of(matmul_, exec.arena, first, x.extent(0));
  as_cpu_device(exec.device).enqueue(exec.stream, [=, this] {
    const double loss_scale = params.state != nullptr ? params.state->loss_scale.scale : 1;
    const auto grad_scale = static_cast<float>(params.grad_scale * loss_scale);
    HeadLosses total;
    for (int64_t m = 0; m < x.extent(0); m += first.M) {
      Chunk chunk = rows_from(first, m);
      chunk.M = std::min(chunk.M, x.extent(0) - m);
      if (m > 0) chunk.into_d_w = Accumulate::yes;
      total += process_chunk(matmul_, partial_losses_, chunk, grad_scale, params.z_loss);
    }
    loss_sums.as<double>()[0] += total.cross_entropy;
    loss_sums.as<double>()[1] += total.z_loss;
  });
}

void CpuOps::head_logits(const Exec& exec, TensorView logits, TensorView x, TensorView w) {
  check_head_logits(logits, x, w);
  const Arena::Scope scope(exec.arena);
  CpuMatmulShape product = logits_product(x.extent(0), w.extent(0), w.extent(1), x.dtype);
  product.c = {logits.extent(1), 1, DType::f32};
  float* const scratch = product_scratch(matmul_, exec.arena, {product});
  as_cpu_device(exec.device).enqueue(exec.stream, [=, this] {
    matmul_.run(product, {.c = logits.data, .a = x.data, .b = w.data, .scratch = scratch});
  });
}

}  // namespace isoflop
