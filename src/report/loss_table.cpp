// SPDX-License-Identifier: MIT
#include "core/base/format.hpp"
#include "report/tables.hpp"

#include <fmt/format.h>

#include <array>
#include <set>

namespace isoflop {
namespace {

/// How a budget is called and shown.
struct BudgetWords {
  LossBudget budget;
  const char* key;     ///< of the table
  const char* suffix;  ///< of its columns' keys
  const char* title;
};
constexpr std::array kBudgets{
    BudgetWords{LossBudget::tokens, "loss_at_tokens", "tokens", "Loss at equal token counts"},
    BudgetWords{LossBudget::flops, "loss_at_flops", "flops", "Loss at equal FLOPs"},
    BudgetWords{LossBudget::wall, "loss_at_wall", "s", "Loss at equal wall time"}};

const BudgetWords& words_of(LossBudget budget) {
  return kBudgets[static_cast<std::size_t>(budget)];
}

std::string shown(LossBudget budget, double spent) {
  if (budget == LossBudget::tokens) return format_count(spent);
  return budget == LossBudget::flops ? format_scientific(spent) : format_duration(spent);
}

std::string smoothing_note(LossKind kind) {
  return kind == LossKind::validation
             ? "validation loss, interpolated linearly between evaluations; nats per token"
             : "training loss, mean of the steps of the last 2 % of the budget before, at least 10 "
               "(not every run has two evaluations on validation data); nats per token";
}

std::string budget_note(LossBudget budget) {
  if (budget == LossBudget::tokens) return "token counts: round ones up to what two runs reached";
  if (budget == LossBudget::flops)
    return "FLOPs of the model, recomputation not counted: round ones up to what two runs reached";
  return "all starts, lost work included: round times up to what two runs reached";
}

std::vector<std::string> notes(std::span<const TrainingRun> runs, LossKind kind,
                               LossBudget budget) {
  std::vector<std::string> lines{smoothing_note(kind), budget_note(budget)};
  std::set<std::string> tokenizers;
  for (const TrainingRun& run : runs) tokenizers.insert(run.last().header.config.tokenizer);
  if (tokenizers.size() > 1)
    lines.emplace_back("tokenizers differ: losses per token cannot be compared between all runs");
  return lines;
}

/// The losses of all runs at the same amounts of a budget.
struct EqualBudgets {
  LossKind kind;
  std::vector<double> grid;
  std::vector<std::vector<std::optional<double>>> losses;  ///< by run
};

EqualBudgets equal_budgets(std::span<const TrainingRun> runs, LossBudget budget) {
  EqualBudgets result{comparable_kind(runs), {}, {}};
  std::vector<LossCurve> curves;
  for (const TrainingRun& run : runs) curves.push_back(recorded_losses(run, result.kind, budget));
  result.grid = budget_grid(curves);
  for (const LossCurve& curve : curves)
    result.losses.push_back(losses_at(curve, result.kind, result.grid));
  return result;
}

void add_best_runs(std::span<const TrainingRun> runs, const BudgetWords& words, Table& table) {
  const EqualBudgets equal = equal_budgets(runs, words.budget);
  for (std::size_t point = 0; point < equal.grid.size(); ++point) {
    std::optional<std::size_t> best;
    for (std::size_t r = 0; r < runs.size(); ++r) {
      const std::optional<double>& loss = equal.losses[r][point];
      if (loss && (!best || *loss < *equal.losses[*best][point])) best = r;
    }
    if (!best) continue;
    const RunConfig& config = runs[*best].last().header.config;
    const auto amount = [&](LossBudget budget) {
      return budget == words.budget ? Cell(equal.grid[point]) : Cell();
    };
    table.rows.push_back({amount(LossBudget::tokens), amount(LossBudget::flops),
                          amount(LossBudget::wall), marked_name(runs[*best]),
                          *equal.losses[*best][point], config.n_params, config.model_name});
  }
}

}  // namespace

Table loss_table(std::span<const TrainingRun> runs, LossBudget budget) {
  const BudgetWords& words = words_of(budget);
  const EqualBudgets equal = equal_budgets(runs, budget);
  Table table{words.key, words.title};
  table.notes = notes(runs, equal.kind, budget);
  table.columns = {{"run", "run"}};
  if (equal.grid.empty()) return table;
  for (const double spent : equal.grid)
    table.columns.push_back({fmt::format("loss_at_{}_{}", spent, words.suffix),
                             shown(budget, spent), "", CellStyle::fixed, 4});
  for (std::size_t r = 0; r < runs.size(); ++r) {
    std::vector<Cell>& row = table.rows.emplace_back();
    row.emplace_back(marked_name(runs[r]));
    for (const auto& loss : equal.losses[r]) row.push_back(to_cell(loss));
  }
  return table;
}

Table best_runs_table(std::span<const TrainingRun> runs) {
  Table table{"best_runs", "Best run of each budget"};
  table.notes = {
      "the least loss of the tables of equal budgets, smoothed as they are; PARTIAL runs "
      "take part as far as they came"};
  table.columns = {{"tokens", "tokens", "", CellStyle::count},
                   {"flops", "FLOPs", "", CellStyle::scientific},
                   {"wall_s", "wall", "", CellStyle::duration},
                   {"run", "best run"},
                   {"loss", "loss", "", CellStyle::fixed, 4},
                   {"n_params", "N", "", CellStyle::count},
                   {"model", "model"}};
  if (runs.size() < 2) return table;
  for (const BudgetWords& words : kBudgets) add_best_runs(runs, words, table);
  return table;
}

}  // namespace isoflop
