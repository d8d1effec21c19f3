// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/matmul.hpp"

#include "core/base/check.hpp"
#include "core/base/error.hpp"
#include "core/base/format.hpp"
#include "trainer/backend/cuda/algorithm_table.hpp"
#include "trainer/backend/cuda/cuda_device.hpp"
#include "trainer/backend/cuda/cuda_error.hpp"
#include "trainer/backend/cuda/matmul_problem.hpp"
#include "trainer/backend/cuda/matmul_timer.hpp"
#include "trainer/backend/device_failure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace isoflop {
namespace {

struct Plan {
  MatmulProblem problem;
  MatmulAlgorithm algorithm;
  bool is_chosen = false;  ///< by a table, not the first that cuBLASLt names
};

using Table = std::map<std::string, cublasLtMatmulAlgo_t>;

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// The place of the algorithm to use among those that take so long, infinite where they fail to
/// run: the first one unless another takes 2 % less, which is no noise.
std::size_t choose_fastest(const std::vector<double>& seconds) {
  constexpr double kGain = 0.02;
  const auto best = std::min_element(seconds.begin(), seconds.end());
  return *best < (1 - kGain) * seconds.front() ? static_cast<std::size_t>(best - seconds.begin())
                                               : 0;
}

/// What timing found, for the log.
struct Timings {
  int64_t n_product = 0, n_algorithm = 0, n_failed = 0;
  double first_s = 0, chosen_s = 0;  ///< of one product of each shape; the first that run

  void add(const std::vector<double>& seconds, double chosen) {
    const auto runs = [](double s) { return std::isfinite(s); };
    const int64_t n_running = std::count_if(seconds.begin(), seconds.end(), runs);
    ++n_product;
    n_algorithm += n_running;
    n_failed += std::ssize(seconds) - n_running;
    first_s += *std::find_if(seconds.begin(), seconds.end(), runs);
    chosen_s += chosen;
  }
  std::string text(double took_s) const {
    const std::string failed =
        n_failed == 0 ? "" : fmt::format(" ({} more failed to run)", n_failed);
    return fmt::format(
        "matrix products: {} algorithms timed for {} shapes in {:.1f} s{}; one product of each "
        "takes {:.3f} ms, {} less than by cuBLASLt's first choices",
        n_algorithm, n_product, took_s, failed, chosen_s * 1e3,
        format_percent(1 - chosen_s / first_s));
  }
};

/// Chooses the fastest algorithm of each product, until the time is over.
void add_fastest(Table& table, std::vector<std::string>& news, MatmulTimer& timer,
                 const std::vector<TimedProduct>& products, const TimingLimits& limits) {
  const auto begin = std::chrono::steady_clock::now();
  Timings timings;
  for (const TimedProduct& product : products) {
    if (seconds_since(begin) >= limits.seconds) break;
    const std::vector<double> seconds = timer.seconds(product);
    const std::size_t chosen = choose_fastest(seconds);
    timings.add(seconds, seconds[chosen]);
    table[key_of(product.shape)] = product.algorithms[chosen].algo;
  }
  if (timings.n_product > 0) news.push_back(timings.text(seconds_since(begin)));
  if (const int64_t rest = std::ssize(products) - timings.n_product; rest > 0)
    news.push_back(
        fmt::format("matrix products: no time left for {} shapes, which keep cuBLASLt's "
                    "first choice ({:g} s are allowed)",
                    rest, limits.seconds));
}

/// Of a product that does not run.
DeviceFailure failure_of(const MatmulShape& shape, const Plan& plan, cublasStatus_t status) {
  return DeviceFailure(fmt::format(
      "{}: cublasLtMatmul failed: {} (code {}){}", to_string(shape),
      cublasLtGetStatusString(status), static_cast<int>(status),
      plan.is_chosen ? "" : "; device.time_products: true chooses among algorithms that run"));
}

[[maybe_unused]] bool is_aligned(const void* data, int64_t bytes) {
  return reinterpret_cast<uintptr_t>(data) % static_cast<uintptr_t>(bytes) == 0;
}

}  // namespace

struct MatmulPlans::Impl {
  explicit Impl(CudaDevice& on) : device(on) {}

  CudaDevice& device;
  LtHandle handle;
  std::map<MatmulShape, Plan> plans;
  std::set<MatmulShape> lacking;  ///< what has() found cuBLASLt to have no algorithm for

  std::string origin() const {
    return fmt::format("{}, cuBLASLt {}", device.name(), cublasLtGetVersion());
  }

  const Plan& plan(const MatmulShape& shape) {
    const auto found = plans.find(shape);
    if (found != plans.end()) return found->second;
    const Plan* const made = try_plan(shape);
    if (made == nullptr)
      throw ConfigError(fmt::format(
          "{}: cuBLASLt has no algorithm; change the model's sizes to multiples of 8, or "
          "layout.micro_batch_size",
          to_string(shape)));
    return *made;
  }

  /// Null when cuBLASLt has no algorithm.
  const Plan* try_plan(const MatmulShape& shape) {
    Plan made{.problem = describe(shape), .algorithm = {}};
    const std::vector<MatmulAlgorithm> found =
        find_algorithms(handle.get(), shape, made.problem, 1);
    if (found.empty()) return nullptr;
    made.algorithm = found.front();
    return &plans.emplace(shape, std::move(made)).first->second;
  }

  bool has(const MatmulShape& shape) {
    if (plans.contains(shape)) return true;
    if (lacking.contains(shape)) return false;
    if (try_plan(shape) != nullptr) return true;
    lacking.insert(shape);
    return false;
  }

  /// What a table says of planned products, if it is of this GPU and library.
  Table recall(const AlgorithmTable& known) const {
    Table recalled;
    if (known.origin != origin()) return recalled;
    for (const auto& [shape, plan] : plans) {
      const auto found = known.algorithms.find(key_of(shape));
      if (found == known.algorithms.end()) continue;
      if (check_algorithm(handle.get(), plan.problem, found->second)) recalled.insert(*found);
    }
    return recalled;
  }

  /// The planned products that `table` lacks, with the ways to compute them.
  std::vector<TimedProduct> products_not_in(const Table& table, int n_algorithm) const {
    std::vector<TimedProduct> products;
    for (const auto& [shape, plan] : plans)
      if (!table.contains(key_of(shape)))
        products.push_back(
            {shape, plan.problem, find_algorithms(handle.get(), shape, plan.problem, n_algorithm)});
    return products;
  }

  /// Adds the fastest algorithms of products to a table; the first ones where nothing can be timed.
  void time(Table& table, std::vector<std::string>& news, const std::vector<TimedProduct>& products,
            const TimingLimits& limits) const {
    for (const TimedProduct& product : products)
      table[key_of(product.shape)] = product.algorithms.front().algo;
    {
      MatmulTimer timer(device, handle.get(), products);
      if (timer.has_memory())
        add_fastest(table, news, timer, products, limits);
      else
        news.push_back(fmt::format("matrix products: not timed: {} of the GPU's memory is not free",
                                   format_bytes(timer.bytes())));
    }
    device.synchronize(device.record(device.compute_stream()));  // its memory is free again
  }

  void execute(const Exec& exec, const MatmulShape& shape, const MatmulOperands& operands,
               const MatmulBlend& blend) {
    ISOFLOP_CHECK(is_aligned(operands.a, row_alignment(shape, a_of(shape))));
    ISOFLOP_CHECK(is_aligned(operands.b, row_alignment(shape, b_of(shape))));
    ISOFLOP_CHECK(is_aligned(operands.c, row_alignment(shape, c_of(shape))));
    ISOFLOP_CHECK(is_aligned(operands.bias, kPromisedAlignment));
    ISOFLOP_CHECK(is_aligned(operands.aux, kPromisedAlignment));
    const Plan& made = plan(shape);
    const int64_t workspace_bytes = made.algorithm.workspace_bytes;
    const Arena::Scope scope(exec.arena);
    void* const workspace = workspace_bytes == 0
                                ? nullptr
                                : exec.arena.allocate(DType::i32, {(workspace_bytes + 3) / 4}).data;
    const cublasStatus_t status = enqueue_product(handle.get(), made.problem, made.algorithm,
                                                  operands, blend, workspace, native_stream(exec));
    if (status != CUBLAS_STATUS_SUCCESS) throw failure_of(shape, made, status);
  }
};

MatmulPlans::MatmulPlans(CudaDevice& device) : impl_(std::make_unique<Impl>(device)) {
  cublasLtHandle_t handle = nullptr;
  check_cublas(cublasLtCreate(&handle), "cublasLtCreate");
  impl_->handle.reset(handle);
}

MatmulPlans::~MatmulPlans() = default;

void MatmulPlans::prepare(const MatmulShape& shape) { impl_->plan(shape); }

bool MatmulPlans::has(const MatmulShape& shape) { return impl_->has(shape); }

AlgorithmChoice MatmulPlans::choose(std::string_view known_text, const TimingLimits& limits) {
  const AlgorithmTable known = read_algorithms(known_text);
  AlgorithmTable chosen{impl_->origin(), impl_->recall(known)};
  const auto n_recalled = std::ssize(chosen.algorithms);
  const std::vector<TimedProduct> products =
      impl_->products_not_in(chosen.algorithms, limits.n_algorithm);
  std::vector<std::string> news;
  if (!known_text.empty())
    news.push_back(fmt::format(
        "matrix products: {} of {} shapes go on with the algorithm that the checkpoint has from {}",
        n_recalled, impl_->plans.size(), known.origin));
  if (!products.empty()) impl_->time(chosen.algorithms, news, products, limits);
  return {write_algorithms(chosen), std::move(news)};
}

void MatmulPlans::use(std::string_view chosen_text) {
  const AlgorithmTable chosen = read_algorithms(chosen_text);
  for (auto& [shape, plan] : impl_->plans) {
    const auto found = chosen.algorithms.find(key_of(shape));
    if (found == chosen.algorithms.end())
      throw ConfigError(fmt::format(
          "{}: rank 0 has none such and chose no algorithm for it; set device.time_products: false",
          to_string(shape)));
    const auto algorithm = check_algorithm(impl_->handle.get(), plan.problem, found->second);
    if (!algorithm)
      throw ConfigError(fmt::format(
          "{}: cuBLASLt refuses the algorithm that rank 0 chose; set device.time_products: false",
          to_string(shape)));
    plan.algorithm = *algorithm;
    plan.is_chosen = true;
  }
}

int64_t MatmulPlans::workspace_bytes() const {
  int64_t bytes = 0;
  for (const auto& [shape, plan] : impl_->plans)
    bytes = std::max(bytes, plan.algorithm.workspace_bytes);
  return bytes;
}

void MatmulPlans::run(const Exec& exec, const MatmulShape& shape, void* c, const void* a,
                      const void* b, const void* bias, void* aux) {
  ISOFLOP_CHECK(shape.has_bias == (bias != nullptr));
  ISOFLOP_CHECK((shape.epilogue != MatmulEpilogue::none) == (aux != nullptr));
  impl_->execute(exec, shape, {c, a, b, bias, aux}, {1.0f, shape.accumulate ? 1.0f : 0.0f, c});
}

void MatmulPlans::run_blended(const Exec& exec, const MatmulShape& shape, void* c, const void* a,
                              const void* b, const MatmulBlend& blend) {
  ISOFLOP_CHECK(!shape.has_bias && !shape.accumulate && shape.epilogue == MatmulEpilogue::none);
  impl_->execute(exec, shape, {c, a, b}, blend);
}

}  // namespace isoflop
