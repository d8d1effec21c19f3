// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/matmul_timer.hpp"

#include "trainer/backend/cuda/cuda_device.hpp"
#include "trainer/backend/cuda/cuda_error.hpp"
#include "trainer/backend/cuda/memory_pool.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>

namespace isoflop {
namespace {

/// Rounds of runs; the first warms up and does not count.
constexpr int kRounds = 5;

/// Small numbers in bf16, f16 and f32: sums of products of them are finite.
constexpr int kFill = 0x2c;

/// Bytes of a product's parts, each on a multiple of kBufferAlignment.
struct Parts {
  int64_t a, b, c, bias, aux, workspace;

  int64_t sum() const { return a + b + c + bias + aux + workspace; }
};

int64_t bytes_of(const MatmulOperand& operand, int64_t n_batch) {
  const int64_t before_last = (n_batch - 1) * operand.step;
  return aligned_bytes((before_last + operand.rows * operand.stride) * size_of(operand.dtype));
}

Parts parts_of(const MatmulShape& s) {
  return {.a = bytes_of(a_of(s), s.n_batch),
          .b = bytes_of(b_of(s), s.n_batch),
          .c = bytes_of(c_of(s), s.n_batch),
          .bias = s.has_bias ? aligned_bytes(s.N * size_of(s.out)) : 0,
          .aux = s.epilogue == MatmulEpilogue::none ? 0 : bytes_of(c_of(s), 1),
          .workspace = 0};
}

int64_t bytes_of(const TimedProduct& product) {
  Parts parts = parts_of(product.shape);
  for (const MatmulAlgorithm& algorithm : product.algorithms)
    parts.workspace = std::max(parts.workspace, aligned_bytes(algorithm.workspace_bytes));
  return parts.sum();
}

int64_t largest(const std::vector<TimedProduct>& products) {
  int64_t bytes = kBufferAlignment;
  for (const TimedProduct& product : products) bytes = std::max(bytes, bytes_of(product));
  return bytes;
}

}  // namespace

MatmulTimer::MatmulTimer(CudaDevice& device, cublasLtHandle_t handle,
                         const std::vector<TimedProduct>& products)
    : device_(device),
      handle_(handle),
      bytes_(largest(products)),
      stream_(device.native(device.compute_stream())),
      pool_(make_memory_pool(device.ordinal())) {
  const auto size = static_cast<std::size_t>(bytes_);
  const cudaError_t status = cudaMallocFromPoolAsync(&memory_, size, pool_, stream_);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();  // has_memory() tells
    memory_ = nullptr;
    return;
  }
  check_cuda(status, "cudaMallocFromPoolAsync");
}

MatmulTimer::~MatmulTimer() {
  if (memory_ != nullptr) cudaFreeAsync(memory_, stream_);
  cudaMemPoolDestroy(pool_);
  for (const cudaEvent_t event : events_) cudaEventDestroy(event);
}

void MatmulTimer::run(const TimedProduct& product, const MatmulAlgorithm& algorithm) {
  const Parts parts = parts_of(product.shape);
  auto* const a = static_cast<std::byte*>(memory_);
  auto* const b = a + parts.a;
  auto* const c = b + parts.b;
  auto* const bias = c + parts.c;
  auto* const aux = bias + parts.bias;
  const bool adds = product.shape.accumulate;
  enqueue_product(handle_, product.problem, algorithm,
                  {c, a, b, parts.bias > 0 ? bias : nullptr, parts.aux > 0 ? aux : nullptr},
                  {1.0f, adds ? 1.0f : 0.0f, c}, aux + parts.aux, stream_);
}

std::vector<double> MatmulTimer::seconds(const TimedProduct& product) {
  const std::size_t n = product.algorithms.size();
  while (events_.size() < kRounds * n + 1) {
    events_.push_back(nullptr);
    check_cuda(cudaEventCreateWithFlags(&events_.back(), cudaEventDefault),
               "cudaEventCreateWithFlags");
  }
  check_cuda(cudaMemsetAsync(memory_, kFill, static_cast<std::size_t>(bytes_of(product)), stream_),
             "cudaMemsetAsync");
  std::size_t last = 0;
  check_cuda(cudaEventRecord(events_[last], stream_), "cudaEventRecord");
  for (int round = 0; round < kRounds; ++round)
    for (const MatmulAlgorithm& algorithm : product.algorithms) {
      run(product, algorithm);
      check_cuda(cudaEventRecord(events_[++last], stream_), "cudaEventRecord");
    }
  device_.synchronize(device_.record(device_.compute_stream()));
  std::vector<double> least(n, std::numeric_limits<double>::infinity());
  for (std::size_t i = n; i < kRounds * n; ++i) {
    float milliseconds = 0;
    check_cuda(cudaEventElapsedTime(&milliseconds, events_[i], events_[i + 1]),
               "cudaEventElapsedTime");
    least[i % n] = std::min(least[i % n], static_cast<double>(milliseconds) * 1e-3);
  }
  return least;
}

}  // namespace isoflop
