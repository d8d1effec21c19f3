// SPDX-License-Identifier: MIT
#include "core/base/error.hpp"
#include "report/fit/scaling_data.hpp"
#include "report/loss_curve.hpp"
#include "report/run_summary.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace isoflop::fit {
namespace {

void check_tokenizers(std::span<const TrainingRun* const> runs) {
  const RunConfig& first = runs.front()->last().header.config;
  for (const TrainingRun* const run : runs) {
    const RunConfig& config = run->last().header.config;
    if (config.tokenizer == first.tokenizer) continue;
    throw ConfigError(fmt::format(
        "{}: tokenizer is '{}' ('{}' in {}: losses per token cannot be compared); fit them apart",
        run->name, config.tokenizer, first.tokenizer, runs.front()->name));
  }
}

/// The vocabulary may be padded differently from run to run: the smallest is nearest to the
/// tokenizer's own.
LawTokenizer tokenizer_of(std::span<const TrainingRun* const> runs) {
  LawTokenizer tokenizer = {runs.front()->last().header.config.tokenizer,
                            runs.front()->last().header.config.vocab_size, std::nullopt};
  for (const TrainingRun* const run : runs)
    tokenizer.vocab_size =
        std::min<int64_t>(tokenizer.vocab_size, run->last().header.config.vocab_size);
  return tokenizer;
}

/// What a reader must know of the losses besides their number.
void add_notes(std::span<const TrainingRun* const> runs, bool all_evaluated, LossKind curves,
               ScalingData& data) {
  data.notes.push_back(fmt::format(
      "{} runs: {}", data.points.size(),
      all_evaluated ? "last validation loss"
                    : "training loss, mean of the last 2 % but at least 10 steps (not every run "
                      "was evaluated on validation data)"));
  data.notes.push_back(
      curves == LossKind::validation
          ? "training curves: validation losses, straight between evaluations"
          : "training curves: training losses, means of the last 2 % of the tokens");
  std::set<std::string> names;
  for (const TrainingRun* const run : runs) names.insert(run->last().header.config.data);
  if (names.size() > 1)
    data.notes.push_back(
        fmt::format("data differ ({}): one law describes them only if their losses "
                    "are of the same validation data",
                    fmt::join(names, ", ")));
}

/// Losses along a run at counts even in their logarithms, over what the curve reaches.
std::vector<ScalingPoint> curve_points_of(const TrainingRun& run, LossKind kind) {
  constexpr int kPoints = 100;
  const LossCurve curve = recorded_losses(run, kind);
  if (curve.spent.size() < 2 || curve.spent.front() <= 0) return {};
  const double growth = curve.spent.back() / curve.spent.front();
  std::vector<double> tokens;
  for (int i = 0; i < kPoints; ++i)
    tokens.push_back(std::floor(curve.spent.front() * std::pow(growth, (i + 1.0) / kPoints)));
  const auto losses = losses_at(curve, kind, tokens);
  const auto n_params = static_cast<double>(run.last().header.config.n_params);
  std::vector<ScalingPoint> points;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const double n_tokens = tokens[i];
    if (losses[i])
      points.push_back({run.name, n_params, n_tokens, 6 * n_params * n_tokens, *losses[i]});
  }
  return points;
}

}  // namespace

ScalingData scaling_data_of(std::span<const TrainingRun> runs, bool with_partial) {
  ScalingData data;
  std::vector<const TrainingRun*> used;
  std::vector<RunSummary> summaries;
  for (const TrainingRun& run : runs) {
    const RunSummary summary = summarize(run);
    if (!run.is_done() && !with_partial) {
      data.left_out.push_back(fmt::format("{}: {}", run.name, summary.state));
    } else if (summary.tokens <= 0 || (!summary.train_loss && !summary.validation_loss)) {
      data.left_out.push_back(run.name + ": has no loss");
    } else {
      used.push_back(&run);
      summaries.push_back(summary);
    }
  }
  if (used.empty()) return data;
  check_tokenizers(used);
  data.tokenizer = tokenizer_of(used);
  const bool all_evaluated = std::all_of(summaries.begin(), summaries.end(), [](const auto& run) {
    return run.validation_loss.has_value();
  });
  for (const RunSummary& run : summaries) {
    const std::optional<double> loss = all_evaluated ? run.validation_loss : run.train_loss;
    if (!loss || *loss <= 0) {
      data.left_out.push_back(run.name + ": has no training loss");
      continue;
    }
    const auto n_params = static_cast<double>(run.n_params);
    const auto n_tokens = static_cast<double>(run.tokens);
    data.points.push_back({run.name, n_params, n_tokens, 6 * n_params * n_tokens, *loss});
  }
  const LossKind kind = comparable_kind(runs);
  for (const TrainingRun* const run : used) {
    const auto curve = curve_points_of(*run, kind);
    data.curve_points.insert(data.curve_points.end(), curve.begin(), curve.end());
  }
  add_notes(used, all_evaluated, kind, data);
  return data;
}

}  // namespace isoflop::fit
