// SPDX-License-Identifier: MIT
#include "planner/sweep/sweep_options.hpp"

#include "core/base/command_line.hpp"
#include "core/base/error.hpp"
#include "core/base/suggest.hpp"
#include "core/model/architecture.hpp"
#include "core/model/parameter_list.hpp"
#include "planner/budget.hpp"
#include "planner/model_argument.hpp"
#include "planner/plan_request.hpp"
#include "planner/sweep/sweep_vary.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace isoflop {
namespace {

/// What CLI11 fills in before it is checked.
struct RawSweep {
  SweepOptions options;
  OptionWords words;
  std::optional<std::string> approach;
  std::optional<std::string> form;
  std::vector<std::string> vary;
  std::optional<double> device_hours;
};

void declare(CLI::App& app, RawSweep& raw) {
  SweepOptions& options = raw.options;
  SweepSpec& spec = options.spec;
  app.add_option("--gpu-hours", raw.device_hours, "GPU hours that all runs together may take");
  app.add_option("--approach", raw.approach,
                 "isoflop: sizes at each budget; parametric: tokens around each optimum; grid: "
                 "every size with every number of tokens [isoflop]");
  app.add_option("--budgets", spec.n_budgets, "Compute budgets [3]");
  app.add_option("--budget-factor", spec.budget_factor, "Between neighbouring budgets [4]");
  app.add_option("--sizes", spec.n_sizes, "Sizes (or numbers of tokens) of each budget [5]");
  app.add_option("--size-factor", spec.size_factor, "Between neighbouring sizes [2]");
  app.add_option("--tokens-per-param", spec.tokens_per_param,
                 "Tokens a parameter that sizes lie around [as the law says; 20 where it says "
                 "nothing]");
  app.add_option("--form", raw.form,
                 "Of the law that is fitted afterwards: chinchilla, or kaplan, which has no lowest "
                 "loss: runs of little compute do not show it [chinchilla]");
  app.add_option(
         "--vary", raw.vary,
         "Instead: KEY=VALUE,VALUE of a plan.yaml, repeatable; one model trained with every "
         "combination")
      ->allow_extra_args(false);
  app.add_option("--seeds", spec.n_seeds, "Runs that differ in the seed alone [1]");
  app.add_option("--model", options.model,
                 "Components of the models: a preset such as gpt2, a file, or a name in "
                 "configs/models; with --vary exactly this model [llama]");
  app.add_option("--run-hours", options.run_hours, "Longest that one run may take [24]");
  app.add_option("--max-running", options.max_running,
                 "Most jobs at the same time [as many as there is room for]");
  app.add_option("--loss-noise", options.loss_noise,
                 "Nats between two seeds, for the expected precision [0.01]");
  declare_shared_options(app, options.shared, raw.words);
  app.get_option("--out")->description("Folder to write to [sweeps/NAME]");
  app.get_option("--name")->description("Name of the sweep [CLUSTER-sweep]");
  app.add_flag("--json", options.shared.json, "Print sweep.json instead of tables");
  app.add_flag("--submit", options.submit, "Submit the runs that are neither done nor wait or run");
}

void check_count(const char* option, int value, int fewest, int most) {
  if (value < fewest || value > most)
    throw ConfigError(fmt::format("{} is {} (must be {} to {})", option, value, fewest, most));
}

void check_factor(const char* option, double value) {
  if (!(value > 1 && value <= 100))
    throw ConfigError(fmt::format("{} is {:g} (must be above 1 and at most 100)", option, value));
}

void check_spec(const SweepSpec& spec) {
  constexpr int kMost = 100;
  const bool isoflop = spec.approach == SweepApproach::isoflop;
  check_count("--budgets", spec.n_budgets, 2, kMost);
  check_count("--sizes", spec.n_sizes, isoflop ? 3 : 2, kMost);  // a parabola needs three
  check_count("--seeds", spec.n_seeds, 1, kMost);
  check_factor("--budget-factor", spec.budget_factor);
  check_factor("--size-factor", spec.size_factor);
}

bool is_preset(const std::string& word) {
  const auto presets = model_presets();
  return std::any_of(presets.begin(), presets.end(),
                     [&](const ModelPreset& preset) { return preset.name == word; });
}

/// Whether an ablation is of exactly the model that is named.
bool is_one_model(const SweepOptions& options) {
  return options.spec.is_ablation() && options.model && !is_preset(*options.model);
}

/// Options that say nothing about this kind of sweep.
void refuse_idle(const CLI::App& app, const RawSweep& raw) {
  const auto refuse = [&](const char* option, const char* with) {
    if (app.get_option(option)->count() > 0)
      throw ConfigError(fmt::format("{} says nothing with {}; leave it out", option, with));
  };
  if (raw.options.spec.is_ablation())
    for (const char* const option : {"--approach", "--form", "--budgets", "--budget-factor",
                                     "--sizes", "--size-factor", "--loss-noise"})
      refuse(option, "--vary");
  if (raw.options.spec.approach == SweepApproach::grid) refuse("--size-factor", "--approach grid");
  if (is_one_model(raw.options)) refuse("--tokens-per-param", "--vary and --model");
}

/// The value of an option's word in a table of names; without the word, what it is already.
template <typename Table, typename Value>
void name_value(const char* option, const std::optional<std::string>& word, const Table& table,
                Value& value) {
  if (!word) return;
  std::vector<std::string> names;
  for (const auto& row : table) {
    names.emplace_back(row.name);
    if (row.name == *word) value = row.value;
  }
  if (std::find(names.begin(), names.end(), *word) == names.end())
    throw ConfigError(fmt::format("{} is '{}'{}; use {}", option, *word, did_you_mean(*word, names),
                                  fmt::join(names, ", ")));
}

void check_amounts(const RawSweep& raw) {
  if (!raw.device_hours)
    throw ConfigError("--gpu-hours is required: what all runs together may take");
  check_range("--gpu-hours", raw.device_hours, 1e12);
  check_range("--run-hours", raw.options.run_hours, kMostHours);
  check_range("--loss-noise", raw.options.loss_noise, 10);
  check_range("--tokens-per-param", raw.options.spec.tokens_per_param, 1e6);
  if (raw.options.max_running) check_count("--max-running", *raw.options.max_running, 1, 1000000);
}

ModelShape model_of(const std::string& word) {
  for (const ModelPreset& preset : model_presets())
    if (preset.name == word) return preset.defaults;
  return load_model_argument(word);
}

void check_family(const ModelShape& shape, const std::string& word) {
  const std::string part = untrainable_part(shape);
  if (!part.empty())
    throw ConfigError(fmt::format(
        "--model is '{}', which has {} (this version of the trainer does not run it); name another",
        word, part));
}

}  // namespace

std::optional<SweepOptions> parse_sweep_options(int argc, const char* const* argv) {
  CLI::App app(
      "Plans the runs that measure a scaling law (or, with --vary, compare variants of a model) "
      "within a budget: a folder of plans, arrays of jobs and a job that reports and fits.",
      "planner sweep");
  RawSweep raw;
  declare(app, raw);
  if (!parse_command_line(app, argc, argv, "planner sweep --help lists the options"))
    return std::nullopt;
  check_amounts(raw);
  name_value("--approach", raw.approach, kSweepApproachNames, raw.options.spec.approach);
  name_value("--form", raw.form, kSweepFormNames, raw.options.spec.form);
  raw.options.spec.vary = read_varied_keys(raw.vary);
  refuse_idle(app, raw);
  if (raw.options.shared.json && raw.options.submit)
    throw ConfigError(
        "--json and --submit are given (the one prints a document, the other what "
        "Slurm says); use planner submit DIR afterwards");
  check_spec(raw.options.spec);
  finish_shared_options(raw.options.shared, raw.words);
  raw.options.device_hours = *raw.device_hours;
  raw.options.given = given_options(app);
  return raw.options;
}

SweepRequest make_sweep_request(const SweepOptions& options, Cluster cluster) {
  Options shared = options.shared;
  shared.goals.hours = options.run_hours;
  if (!shared.name) shared.name = default_run_name(cluster.name + "-sweep", {});
  SweepRequest request;
  if (is_one_model(options)) {
    shared.model = options.model;
  } else if (options.model) {
    request.family = model_of(*options.model);
    check_family(*request.family, *options.model);
    const bool free = !shared.text.data && !shared.text.vocab_size && !shared.text.tokenizer;
    if (free && request.family->vocab_size > 0) shared.text.vocab_size = request.family->vocab_size;
  }
  request.plan = make_request(shared, std::move(cluster));
  request.model = request.plan.goals.model;
  request.spec = options.spec;
  request.device_hours = options.device_hours;
  request.loss_noise = options.loss_noise;
  request.max_running = options.max_running;
  return request;
}

}  // namespace isoflop
