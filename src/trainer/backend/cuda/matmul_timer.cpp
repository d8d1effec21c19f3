// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/matmul_timer.hpp"

#include "core/base/error.hpp"
#include "trainer/backend/cuda/cuda_device.hpp"
#include "trainer/backend/cuda/cuda_error.hpp"
#include "trainer/backend/cuda/launch_graphs.hpp"
#include "trainer/backend/cuda/memory_pool.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace isoflop {
namespace {

/// Rounds of runs that count.
constexpr int kRounds = 3;
/// Rounds of graphs that do not: LaunchGraphs enqueues the first call by call and captures the
/// second.
constexpr int kGraphRounds = 2;

/// Seconds between two events, whose times are some half a microsecond coarse
/// (docs.nvidia.com/cuda, cudaEventElapsedTime), and the most runs that make them up.
constexpr double kSpan = 100e-6;
constexpr int kMostRuns = 16;

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

/// How often a product is run between two events, in how many rounds.
struct MatmulTimer::Repeats {
  int n_run = 1;
  int n_idle_round = 0;  ///< do not count
  int n_round = 1;

  static Repeats of(double seconds_of_one) {
    const double n = std::ceil(kSpan / std::max(seconds_of_one, kSpan / kMostRuns));
    if (n <= 1) return {.n_round = kRounds};
    return {.n_run = static_cast<int>(n), .n_idle_round = kGraphRounds, .n_round = kRounds};
  }
};

cublasStatus_t MatmulTimer::run(const TimedProduct& product, const MatmulAlgorithm& algorithm) {
  const Parts parts = parts_of(product.shape);
  auto* const a = static_cast<std::byte*>(memory_);
  auto* const b = a + parts.a;
  auto* const c = b + parts.b;
  auto* const bias = c + parts.c;
  auto* const aux = bias + parts.bias;
  const bool adds = product.shape.accumulate;
  return enqueue_product(handle_, product.problem, algorithm,
                         {c, a, b, parts.bias > 0 ? bias : nullptr, parts.aux > 0 ? aux : nullptr},
                         {1.0f, adds ? 1.0f : 0.0f, c}, aux + parts.aux, stream_);
}

/// The places of the algorithms that run. What cuBLASLt has to load, it has loaded then.
std::vector<std::size_t> MatmulTimer::find_working(const TimedProduct& product) {
  std::vector<std::size_t> working;
  cublasStatus_t refusal = CUBLAS_STATUS_SUCCESS;
  for (std::size_t i = 0; i < product.algorithms.size(); ++i) {
    const cublasStatus_t status = run(product, product.algorithms[i]);
    if (status == CUBLAS_STATUS_SUCCESS)
      working.push_back(i);
    else
      refusal = status;
  }
  device_.synchronize(device_.record(device_.compute_stream()));
  if (working.empty())
    throw ConfigError(
        fmt::format("{}: none of the {} algorithms that cuBLASLt names runs: {} (code {}); change "
                    "the model's sizes to multiples of 8, or layout.micro_batch_size",
                    to_string(product.shape), product.algorithms.size(),
                    cublasLtGetStatusString(refusal), static_cast<int>(refusal)));
  return working;
}

/// Of one run of each working algorithm.
std::vector<double> MatmulTimer::least_seconds(const TimedProduct& product,
                                               const std::vector<std::size_t>& working,
                                               const Repeats& repeats) {
  const std::size_t n = working.size();
  const auto n_idle = static_cast<std::size_t>(repeats.n_idle_round) * n;
  const std::size_t n_timed = n_idle + static_cast<std::size_t>(repeats.n_round) * n;
  while (events_.size() < n_timed + 1) {
    events_.push_back(nullptr);
    check_cuda(cudaEventCreateWithFlags(&events_.back(), cudaEventDefault),
               "cudaEventCreateWithFlags");
  }
  LaunchGraphs graphs;
  check_cuda(cudaEventRecord(events_[0], stream_), "cudaEventRecord");
  for (std::size_t i = 0; i < n_timed; ++i) {
    const MatmulAlgorithm& algorithm = product.algorithms[working[i % n]];
    const auto enqueue = [&] {
      for (int j = 0; j < repeats.n_run; ++j)
        check_cublas(run(product, algorithm), "cublasLtMatmul");
    };
    if (repeats.n_run > 1 && device_.makes_graphs())
      graphs.run({static_cast<int64_t>(i % n)}, stream_, enqueue);
    else
      enqueue();
    check_cuda(cudaEventRecord(events_[i + 1], stream_), "cudaEventRecord");
  }
  device_.synchronize(device_.record(device_.compute_stream()));
  std::vector<double> least(n, std::numeric_limits<double>::infinity());
  for (std::size_t i = n_idle; i < n_timed; ++i) {
    float milliseconds = 0;
    check_cuda(cudaEventElapsedTime(&milliseconds, events_[i], events_[i + 1]),
               "cudaEventElapsedTime");
    least[i % n] = std::min(least[i % n], static_cast<double>(milliseconds) * 1e-3 / repeats.n_run);
  }
  return least;
}

std::vector<double> MatmulTimer::seconds(const TimedProduct& product) {
  check_cuda(cudaMemsetAsync(memory_, kFill, static_cast<std::size_t>(bytes_of(product)), stream_),
             "cudaMemsetAsync");
  const std::vector<std::size_t> working = find_working(product);
  const std::vector<double> roughly = least_seconds(product, working, {});
  const auto repeats = Repeats::of(*std::min_element(roughly.begin(), roughly.end()));
  const std::vector<double> least = least_seconds(product, working, repeats);
  std::vector<double> seconds(product.algorithms.size(), std::numeric_limits<double>::infinity());
  for (std::size_t i = 0; i < working.size(); ++i) seconds[working[i]] = least[i];
  return seconds;
}

}  // namespace isoflop
