// SPDX-License-Identifier: MIT
#include "planner/sweep/sweep_summary.hpp"

#include "core/base/format.hpp"
#include "core/base/table/render.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace isoflop {
namespace {

std::string line(const std::string& label, const std::string& text) {
  return fmt::format("{:<12}{}\n", label, text);
}

std::vector<Column> columns(bool ablation) {
  std::vector<Column> all = {{"run", "Run"}};
  if (ablation) all.push_back({"settings", "Settings"});
  all.insert(all.end(), {{"compute", "C", "FLOPs"},
                         {"n_params", "N", "", CellStyle::count},
                         {"n_tokens", "D", "", CellStyle::count},
                         {"tokens_per_param", "D/N", "", CellStyle::fixed, 1},
                         {"model", "Model"},
                         {"lr", "lr"},
                         {"batch_tokens", "Batch", "tokens", CellStyle::grouped},
                         {"steps", "Steps", "", CellStyle::grouped},
                         {"gpus", "GPUs", "", CellStyle::integer},
                         {"gpu_hours", "GPU hours", "", CellStyle::fixed, 2},
                         {"time", "Time", "", CellStyle::duration}});
  return all;
}

std::string settings_text(const SweepPoint& point) {
  std::string text;
  for (const auto& [key, value] : point.settings)
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", key, value);
  return text;
}

std::vector<Cell> row_of(const SweepRun& run, bool ablation) {
  const Candidate& choice = run.plan.choice;
  const TrainConfig& config = run.plan.config;
  std::vector<Cell> row = {run.name()};
  if (ablation) row.emplace_back(settings_text(run.point));
  row.insert(row.end(), {format_scientific(choice.compute()), choice.n_params, choice.n_tokens(),
                         choice.tokens_per_param(), choice.shape.name,
                         fmt::format("{:.3g}", config.optimizer.lr), config.tokens_per_step(),
                         config.schedule.steps, static_cast<int64_t>(choice.job.devices()),
                         choice.device_hours(), choice.budget.wall_s});
  return row;
}

/// The first seed of every run.
Table run_table(const SweepRequest& request, const Sweep& sweep) {
  const bool ablation = request.spec.is_ablation();
  Table table{.key = "sweep", .title = "Runs"};
  if (request.spec.n_seeds > 1)
    table.notes.push_back(
        fmt::format("each with {} seeds, of which the first is shown", request.spec.n_seeds));
  table.columns = columns(ablation);
  for (const SweepRun& run : sweep.runs)
    if (run.seed == 0) table.rows.push_back(row_of(run, ablation));
  return table;
}

std::string describe_kind(const SweepRequest& request) {
  const SweepSpec& spec = request.spec;
  if (spec.is_ablation())
    return fmt::format("an ablation of {} variants", combinations(spec.vary).size());
  return fmt::format("{}: {} budgets, each {:g} times the one before, {} {} each",
                     enum_name(kSweepApproachNames, spec.approach), spec.n_budgets,
                     spec.budget_factor, spec.n_sizes,
                     spec.approach == SweepApproach::isoflop ? "sizes" : "numbers of tokens");
}

std::string describe_array(const SweepArray& array) {
  std::string text = fmt::format("{} job{} of {} node{} x {}, at most {} each", array.runs.size(),
                                 array.runs.size() == 1 ? "" : "s", array.job.nodes,
                                 array.job.nodes == 1 ? "" : "s", array.job.devices_per_node,
                                 format_duration(array.job_s));
  if (array.max_running < static_cast<int>(array.runs.size()))
    text += fmt::format(", {} at a time", array.max_running);
  return text;
}

std::string describe_arrays(const Sweep& sweep) {
  std::string text;
  for (const SweepArray& array : sweep.arrays)
    text += line(text.empty() ? "Arrays" : "", describe_array(array));
  if (sweep.one_array_at_a_time) text += line("", "one array after the other");
  return text;
}

/// Why nothing is foretold of the fit.
std::string describe_unknown_precision(const SweepRequest& request, const Sweep& sweep) {
  const std::string& law = request.plan.law.title;
  if (!sweep.law_reaches)
    return fmt::format(
        "how well these runs will determine the exponents is not foretold: {} says nothing about "
        "{}; report fit gives intervals afterwards",
        law, sweep.law_applies ? "so much or little compute" : "this text's tokens");
  if (request.spec.form == SweepForm::kaplan)
    return "how well these runs will determine the exponents of Kaplan's form is not foretold; "
           "report fit gives intervals afterwards";
  return fmt::format("these runs do not determine the exponents by the form of {}", law);
}

std::string describe_precision(const SweepRequest& request, const Sweep& sweep) {
  if (request.spec.is_ablation()) return "";
  if (!sweep.precision) return line("Fit", describe_unknown_precision(request, sweep));
  return line("Fit", fmt::format("N_opt ~ C^a: a to +-{:.3f} (95 %), about {:.3f} by {}",
                                 1.96 * sweep.precision->standard_deviation,
                                 sweep.precision->exponent, request.plan.law.title)) +
         line("", fmt::format(
                      "to first order, from that law's curvature at these runs and a loss that "
                      "differs by {:g} nats between seeds ({})",
                      request.loss_noise,
                      request.loss_noise == kLossNoise ? "assumed; --loss-noise" : "--loss-noise"));
}

double most_epochs(const Sweep& sweep) {
  double most = 0;
  for (const SweepRun& run : sweep.runs) most = std::max(most, run.plan.choice.tokens.epochs);
  return most;
}

std::vector<std::string> notes_of(const SweepRequest& request, const Sweep& sweep) {
  std::vector<std::string> notes;
  const TrainingText& text = request.plan.text;
  notes.push_back(
      "learning rate 0.3118 C^-0.1250, at most 3e-3, and batch 0.2920 C^0.3271 tokens, within the "
      "critical one, are those of a budget (DeepSeek LLM, arXiv:2401.02954, section 3.1): equal "
      "for all its sizes");
  if (!request.spec.tokens_per_param && !sweep.law_applies && !request.model)
    notes.push_back(fmt::format(
        "{} says nothing about this text's tokens: sizes lie around {:g} tokens a parameter",
        request.plan.law.title, kTokensPerParamRule));
  if (!sweep.limited_by.empty())
    notes.push_back("more GPU hours would not be used: " + sweep.limited_by);
  if (most_epochs(sweep) > 1)
    notes.push_back(fmt::format(
        "the longest run reads the {} training tokens {:.1f} times; repeated tokens are worth less "
        "(arXiv:2305.16264), which bends the fit",
        format_count(*text.unique_tokens()), most_epochs(sweep)));
  if (!text.known())
    notes.push_back(fmt::format("tokenize your text into {} before the sweep is submitted",
                                sweep.runs.front().plan.config.data.path.string()));
  return notes;
}

}  // namespace

std::string describe_sweep(const SweepRequest& request, const Sweep& sweep) {
  std::string text =
      line("Sweep", fmt::format("{}, {} runs on partition '{}'; {}", request.plan.name,
                                sweep.runs.size(), sweep.partition->name, describe_kind(request)));
  const std::vector<Table> tables = {run_table(request, sweep)};
  text += "\n" + render_text(tables) + "\n" + describe_arrays(sweep);
  text += line("GPU hours",
               fmt::format("{:.4g} of {:g}, predicted with start-up, evaluations, checkpoints and "
                           "expected interruptions",
                           sweep.device_hours, request.device_hours));
  text += describe_precision(request, sweep);
  for (const std::string& note : notes_of(request, sweep)) text += line("Note", note);
  return text;
}

}  // namespace isoflop
