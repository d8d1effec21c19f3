// SPDX-License-Identifier: MIT
#include "trainer/backend/muon.hpp"

#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/cpu/cpu_ops.hpp"
#include "trainer/backend/cpu/muon_products.hpp"
#include "trainer/backend/cpu/parallel.hpp"
#include "trainer/backend/cpu/vectorise.hpp"
#include "trainer/backend/op_contracts.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace isoflop {
namespace {

/// Parts that a sum is made of, whatever the number of threads.
constexpr int64_t kParts = 64;
constexpr int64_t kGrain = 16;  // a cache line of floats, so that threads do not share lines

/// The momentum and what is orthogonalised, of n elements. Returns the latter's sum of squares.
ISOFLOP_VECTORISE double add_gradient(float* momentum, float* update, const float* grad, int64_t n,
                                      float grad_scale, float mu, bool nesterov) {
  double sum_of_squares = 0;
#pragma omp simd reduction(+ : sum_of_squares)
  for (int64_t i = 0; i < n; ++i) {
    const float g = grad[i] * grad_scale;
    const float m = mu * momentum[i] + g;
    const float u = nesterov ? g + mu * m : m;
    momentum[i] = m;
    update[i] = u;
    sum_of_squares += static_cast<double>(u) * static_cast<double>(u);
  }
  return sum_of_squares;
}

/// out may be in.
ISOFLOP_VECTORISE void multiply(float* out, const float* in, int64_t n, float factor) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] = in[i] * factor;
}

void multiply_in_parallel(float* out, const float* in, int64_t n, double factor) {
  parallel_for(n, kGrain, n, [&](int64_t begin, int64_t end) {
    multiply(out + begin, in + begin, end - begin, static_cast<float>(factor));
  });
}

/// Adds the gradient to the momentum; x is what is orthogonalised, divided by its Frobenius norm so
/// that no singular value is above 1.
void write_direction(float* x, const TensorView& momentum, const TensorView& grad, float grad_scale,
                     const MuonParams& params) {
  const int64_t n = grad.size();
  std::array<double, kParts> sums{};
  parallel_for(kParts, 1, n, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part) {
      const int64_t first = n * part / kParts, last = n * (part + 1) / kParts;
      sums[static_cast<std::size_t>(part)] = add_gradient(
          momentum.as<float>() + first, x + first, grad.as<float>() + first, last - first,
          grad_scale, static_cast<float>(params.momentum), params.nesterov);
    }
  });
  const double norm = std::sqrt(std::accumulate(sums.begin(), sums.end(), 0.0));
  multiply_in_parallel(x, x, n, 1 / (norm + kNewtonSchulzEps));
}

}  // namespace

int64_t CpuOps::prepare_update(const ModelShape& shape, OptimizerKind optimizer,
                               std::span<const MuonBatch>) {
  return cpu_update_scratch_bytes(shape, optimizer);
}

void CpuOps::muon_update(const Exec& exec, TensorView update, TensorView momentum, TensorView grad,
                         const StepState* state, const MuonParams& params) {
  check_muon(update, momentum, grad);
  const Arena::Scope scope(exec.arena);
  const int64_t rows = update.extent(0), cols = update.extent(1), small = std::min(rows, cols);
  const auto floats = [&](int64_t count) {
    return exec.arena.allocate(DType::f32, {count}).as<float>();
  };
  const NewtonSchulzMemory memory{.x = update.as<float>(),
                                  .next = floats(update.size()),
                                  .gram = floats(small * small),
                                  .factor = floats(small * small)};
  as_cpu_device(exec.device).enqueue(exec.stream, [=, this] {
    if (state->output.skip != 0) return;
    write_direction(memory.x, momentum, grad, static_cast<float>(state->output.clip_scale), params);
    const float* const direction = orthogonalise(matmul_, memory, rows, cols, params.n_iteration);
    multiply_in_parallel(memory.x, direction, update.size(), muon_update_scale(rows, cols));
  });
}

}  // namespace isoflop
