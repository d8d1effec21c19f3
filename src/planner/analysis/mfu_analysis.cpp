// SPDX-License-Identifier: MIT
#include "planner/analysis/mfu_analysis.hpp"

#include "core/base/error.hpp"
#include "core/hardware/mfu.hpp"
#include "core/model/flops.hpp"
#include "planner/analysis/model_analysis.hpp"

#include <fmt/format.h>

#include <cmath>

namespace isoflop {
namespace {

void check(const MfuRequest& request) {
  require_seq_len(request.shape, request.seq_len);
  if (request.n_gpu < 1)
    throw ConfigError(fmt::format("--gpus is {} (must be at least 1)", request.n_gpu));
  if (request.tokens_per_s && !(*request.tokens_per_s > 0 && std::isfinite(*request.tokens_per_s)))
    throw ConfigError(
        fmt::format("--tokens-per-second is {} (must be above 0)", *request.tokens_per_s));
  if (request.formula && row_of(*request.formula).counts == FormulaCounts::parameters)
    throw ConfigError(
        fmt::format("--flops-formula is '{}' (it counts parameters, not FLOPs); see planner model",
                    row_of(*request.formula).name));
}

std::optional<double> measured(const DeviceSpec& gpu, Precision precision) {
  const auto found = gpu.measured_tflops.find(precision);
  return found == gpu.measured_tflops.end() ? std::nullopt : std::optional(found->second);
}

MfuDoubt doubt_of(double tflops, const MfuAnalysis& analysis) {
  if (tflops > analysis.peak_tflops) return MfuDoubt::above_peak;
  if (analysis.measured_tflops && tflops > *analysis.measured_tflops)
    return MfuDoubt::above_measured;
  return MfuDoubt::none;
}

MfuOfThroughput judge(const MfuRequest& request, const MfuAnalysis& analysis) {
  MfuOfThroughput result;
  result.tokens_per_s_per_gpu = *request.tokens_per_s / static_cast<double>(request.n_gpu);
  const auto mfu_of = [&](double flops_per_token) {
    return mfu(flops_per_token, result.tokens_per_s_per_gpu, analysis.peak_tflops);
  };
  result.causal = mfu_of(analysis.causal_flops_per_token);
  result.full_square = mfu_of(analysis.full_square_flops_per_token);
  result.tflops_per_gpu = result.causal * analysis.peak_tflops;
  if (request.formula)
    result.by_formula = mfu_of(formula_value(*request.formula, request.shape, request.seq_len));
  result.doubt = doubt_of(result.tflops_per_gpu, analysis);
  return result;
}

}  // namespace

double MfuAnalysis::tokens_per_s(double mfu, int64_t n_gpu) const {
  return mfu * peak_tflops * 1e12 * static_cast<double>(n_gpu) / causal_flops_per_token;
}

MfuAnalysis analyse_mfu(const MfuRequest& request) {
  check(request);
  MfuAnalysis analysis;
  analysis.peak_tflops = request.gpu.require_peak_dense_tflops(request.precision);
  analysis.measured_tflops = measured(request.gpu, request.precision);
  analysis.causal_flops_per_token =
      train_flops_per_token(request.shape, request.seq_len, AttentionFlops::causal);
  analysis.full_square_flops_per_token =
      train_flops_per_token(request.shape, request.seq_len, AttentionFlops::full_square);
  if (request.tokens_per_s) analysis.throughput = judge(request, analysis);
  return analysis;
}

}  // namespace isoflop
