// SPDX-License-Identifier: MIT
#include "core/base/format.hpp"
#include "report/loss_curve.hpp"
#include "report/tables.hpp"

#include <fmt/format.h>

#include <set>

namespace isoflop {
namespace {

std::string smoothing_note(LossKind kind) {
  return kind == LossKind::validation
             ? "validation loss, interpolated linearly between evaluations"
             : "training loss, mean of the steps of the last 2 % of the tokens before, at least 10 "
               "(not every run has two evaluations on validation data)";
}

std::vector<std::string> notes(std::span<const TrainingRun> runs, LossKind kind) {
  std::vector<std::string> lines{smoothing_note(kind) + "; nats per token",
                                 "token counts: round ones up to what two runs reached"};
  std::set<std::string> tokenizers;
  for (const TrainingRun& run : runs) tokenizers.insert(run.last().header.config.tokenizer);
  if (tokenizers.size() > 1)
    lines.emplace_back("tokenizers differ: losses per token cannot be compared between all runs");
  return lines;
}

}  // namespace

Table loss_table(std::span<const TrainingRun> runs) {
  const LossKind kind = comparable_kind(runs);
  std::vector<LossCurve> curves;
  for (const TrainingRun& run : runs) curves.push_back(recorded_losses(run, kind));
  const std::vector<int64_t> grid = token_grid(curves);

  Table table{"loss_at_tokens", "Loss at equal token counts"};
  table.notes = notes(runs, kind);
  table.columns = {{"run", "run"}};
  for (const int64_t tokens : grid)
    table.columns.push_back({fmt::format("loss_at_{}_tokens", tokens),
                             format_count(static_cast<double>(tokens)), "", CellStyle::fixed, 4});
  for (std::size_t r = 0; r < runs.size(); ++r) {
    std::vector<Cell>& row = table.rows.emplace_back();
    row.emplace_back(marked_name(runs[r]));
    for (const auto& loss : losses_at(curves[r], kind, grid)) row.push_back(to_cell(loss));
  }
  return table;
}

}  // namespace isoflop
