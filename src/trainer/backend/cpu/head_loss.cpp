// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/cpu/cpu_ops.hpp"
#include "trainer/backend/cpu/parallel.hpp"
#include "trainer/backend/cpu/vector_math.hpp"
#include "trainer/backend/op_contracts.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <omp.h>
#include <span>

namespace isoflop {
namespace {

ISOFLOP_VECTORISE float largest(const float* values, int64_t n) {
  float result = values[0];
#pragma omp simd reduction(max : result)
  for (int64_t i = 0; i < n; ++i) result = values[i] > result ? values[i] : result;
  return result;
}

ISOFLOP_VECTORISE float sum_of_exp(const float* values, float shift, int64_t n) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += vector_exp(values[i] - shift);
  return sum;
}

/// Values become factor e^(value - shift); returns the sum of the exponentials.
ISOFLOP_VECTORISE void to_scaled_exp(float* values, float shift, float factor, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) values[i] = factor * vector_exp(values[i] - shift);
}

/// Softmax of a row is e^(logit - shift) / sum.
struct Softmax {
  float shift = 0;
  float sum = 0;
};

Softmax softmax_of(const float* logits, int64_t V) {
  const float shift = largest(logits, V);
  return {shift, sum_of_exp(logits, shift, V)};
}

/// -log p(target)
double loss_of(const float* logits, int64_t target, const Softmax& softmax) {
  return static_cast<double>(softmax.shift) - static_cast<double>(logits[target]) +
         std::log(static_cast<double>(softmax.sum));
}

/// Logits become scale (softmax - one_hot(target)).
void to_gradient(float* logits, int64_t V, int64_t target, const Softmax& softmax, float scale) {
  to_scaled_exp(logits, softmax.shift, scale / softmax.sum, V);
  logits[target] -= scale;
}

/// The operands of some rows (tokens) of head_loss; d_x and d_w are null when only the loss is
/// wanted.
struct Chunk {
  float* d_x;
  float* d_w;
  float* logits;
  const float* x;
  const float* w;
  const int32_t* targets;
  int64_t M, V, C;
};

/// Rows [begin, end): returns the loss, and leaves the gradient in the logits where it is wanted.
double process_rows(const Chunk& chunk, float grad_scale, int64_t begin, int64_t end) {
  double loss = 0;
  for (int64_t m = begin; m < end; ++m) {
    float* const logits = chunk.logits + m * chunk.V;
    const int64_t target = chunk.targets[m];
    if (target < 0) {
      std::fill_n(logits, chunk.V, 0.0f);
      continue;
    }
    const Softmax softmax = softmax_of(logits, chunk.V);
    loss += loss_of(logits, target, softmax);
    if (chunk.d_x != nullptr) to_gradient(logits, chunk.V, target, softmax, grad_scale);
  }
  return loss;
}

/// `partial_losses` has one place per thread.
double process_chunk(MatmulCache& matmul, std::span<double> partial_losses, const Chunk& chunk,
                     float grad_scale) {
  const auto [d_x, d_w, logits, x, w, targets, M, V, C] = chunk;
  matmul.run({M, V, C, {C, 1}, {1, C}}, logits, x, w);
  std::fill(partial_losses.begin(), partial_losses.end(), 0.0);
  parallel_for(M, 1, M * V, [&](int64_t begin, int64_t end) {
    partial_losses[static_cast<std::size_t>(omp_get_thread_num())] =
        process_rows(chunk, grad_scale, begin, end);
  });
  if (d_x != nullptr) {
    matmul.run({M, C, V, {V, 1}, {C, 1}}, d_x, logits, w);
    matmul.run({V, C, M, {1, V}, {C, 1}, false, Accumulate::yes}, d_w, logits, x);
  }
  return std::accumulate(partial_losses.begin(), partial_losses.end(), 0.0);
}

}  // namespace

void CpuOps::head_loss(const Exec& exec, TensorView loss_sum, TensorView d_x, TensorView d_w,
                       TensorView logits, TensorView x, TensorView w, TensorView targets,
                       double grad_scale) {
  check_head_loss(loss_sum, d_x, d_w, logits, x, w, targets);
  as_cpu_device(exec.device).enqueue(exec.stream, [=, this] {
    const int64_t V = w.extent(0), C = w.extent(1);
    for (int64_t m = 0; m < x.extent(0); m += logits.extent(0)) {
      const Chunk chunk{.d_x = d_x ? d_x.as<float>() + m * C : nullptr,
                        .d_w = d_w ? d_w.as<float>() : nullptr,
                        .logits = logits.as<float>(),
                        .x = x.as<float>() + m * C,
                        .w = w.as<float>(),
                        .targets = targets.as<int32_t>() + m,
                        .M = std::min(logits.extent(0), x.extent(0) - m),
                        .V = V,
                        .C = C};
      *loss_sum.as<double>() +=
          process_chunk(matmul_, partial_losses_, chunk, static_cast<float>(grad_scale));
    }
  });
}

}  // namespace isoflop
