// SPDX-License-Identifier: MIT
#include "planner/commands/scaling_command.hpp"

#include "core/base/command_line.hpp"
#include "core/base/error.hpp"
#include "core/base/suggest.hpp"
#include "core/hardware/gpu_catalog.hpp"
#include "core/model/param_count.hpp"
#include "core/scaling/law_catalog.hpp"
#include "planner/analysis/scaling_report.hpp"
#include "planner/commands/quantity.hpp"
#include "planner/model_argument.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <optional>
#include <string>
#include <vector>

namespace isoflop {
namespace {

struct ScalingOptions {
  std::optional<std::string> compute, dollars, gpu_hours, hours;
  std::optional<std::string> params, model, tokens, loss;
  std::optional<std::string> gpu, precision, price, mfu;
  std::optional<int> n_gpus;
  std::optional<std::string> law;
  bool compare = false;
  bool json = false;
};

std::optional<ScalingOptions> parse(int argc, const char* const* argv) {
  ScalingOptions options;
  CLI::App app("N, D and loss by scaling law, for compute, money, hours, a loss or a model.",
               "planner scaling");
  app.add_option("--compute", options.compute, "FLOPs, 6 N D, such as 1e23");
  app.add_option("--dollars", options.dollars, "Money, turned into compute (needs --gpu)");
  app.add_option("--gpu-hours", options.gpu_hours, "GPU hours (needs --gpu)");
  app.add_option("--hours", options.hours, "Wall-clock hours (needs --gpu and --gpus)");
  app.add_option("--loss", options.loss, "Nats a token: what does it take?");
  app.add_option("--params", options.params, "Parameters, such as 7B");
  app.add_option("--model", options.model, "Model file or name of configs/models, for its N");
  app.add_option("--tokens", options.tokens, "Training tokens, such as 1.4T");
  app.add_option("--gpu", options.gpu, "GPU, as you, nvidia-smi or Slurm write it");
  app.add_option("--gpus", options.n_gpus, "Number of GPUs");
  app.add_option("--precision", options.precision, "bf16, fp16, fp8, tf32 or fp32 [bf16]");
  app.add_option("--mfu", options.mfu, "Model FLOPs utilisation, a fraction [0.4 in 16 bits]");
  app.add_option("--price", options.price, "Of one GPU for one hour [data/budget_defaults.yaml]");
  app.add_option("--law", options.law, "Law or rule of data/scaling_laws.yaml, or a file");
  app.add_flag("--compare", options.compare, "All laws side by side");
  app.add_flag("--json", options.json, "One JSON document");
  if (!parse_command_line(app, argc, argv, "see planner scaling --help")) return std::nullopt;
  return options;
}

std::optional<double> quantity(const std::string& option, const std::optional<std::string>& text) {
  return text ? std::optional(parse_quantity(option, *text)) : std::nullopt;
}

std::optional<double> read_mfu(const std::optional<std::string>& text) {
  const std::optional<double> mfu = quantity("--mfu", text);
  if (mfu && *mfu > 1)
    throw ConfigError(fmt::format("--mfu is {} (above 1); write 0.4 for 40 %", *text));
  return mfu;
}

std::optional<Precision> read_precision(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  if (const std::optional<Precision> precision = parse_precision(*text)) return precision;
  throw ConfigError(fmt::format("--precision is '{}'{}; use one of {}", *text,
                                did_you_mean(*text, precision_names()),
                                fmt::join(precision_names(), ", ")));
}

/// Refuses options that only mean something with a GPU.
void check_needs_gpu(const ScalingOptions& options) {
  const std::vector<std::pair<const char*, bool>> needing = {
      {"--dollars", options.dollars.has_value()},
      {"--gpu-hours", options.gpu_hours.has_value()},
      {"--hours", options.hours.has_value()},
      {"--gpus", options.n_gpus.has_value()},
      {"--precision", options.precision.has_value()},
      {"--mfu", options.mfu.has_value()},
      {"--price", options.price.has_value()}};
  for (const auto& [option, given] : needing) {
    if (given) throw ConfigError(fmt::format("{} needs --gpu (such as --gpu h100)", option));
  }
}

std::optional<ComputeSource> read_source(const ScalingOptions& options) {
  if (!options.gpu) {
    check_needs_gpu(options);
    return std::nullopt;
  }
  if (options.n_gpus && *options.n_gpus < 1)
    throw ConfigError(fmt::format("--gpus is {} (must be at least 1)", *options.n_gpus));
  const GpuMatch match = GpuCatalog::load().find(std::string_view(*options.gpu));
  return make_compute_source(match.spec, match.how,
                             {.precision = read_precision(options.precision),
                              .mfu = read_mfu(options.mfu),
                              .price_per_hour = quantity("--price", options.price),
                              .n_gpus = options.n_gpus},
                             BudgetDefaults::load());
}

double flops_for_hours(const ComputeSource& source, double hours) {
  if (!source.n_gpus) throw ConfigError("--hours needs --gpus (the number of GPUs)");
  return hours * *source.n_gpus * source.flops_per_gpu_hour();
}

/// C from --compute, --dollars, --gpu-hours or --hours.
std::optional<double> read_compute(const ScalingOptions& options,
                                   const std::optional<ComputeSource>& source) {
  const int given = int{options.compute.has_value()} + int{options.dollars.has_value()} +
                    int{options.gpu_hours.has_value()} + int{options.hours.has_value()};
  if (given > 1)
    throw ConfigError("--compute, --dollars, --gpu-hours and --hours all state compute; keep one");
  if (options.dollars) return flops_for_dollars(*source, *quantity("--dollars", options.dollars));
  if (options.gpu_hours)
    return *quantity("--gpu-hours", options.gpu_hours) * source->flops_per_gpu_hour();
  if (options.hours) return flops_for_hours(*source, *quantity("--hours", options.hours));
  return quantity("--compute", options.compute);
}

/// N from --params or of --model.
std::optional<double> read_params(const ScalingOptions& options) {
  if (options.params && options.model)
    throw ConfigError("--params and --model both state N; keep one");
  if (options.model)
    return static_cast<double>(count_params(load_model_argument(*options.model)).total());
  return quantity("--params", options.params);
}

/// The law that --law names and the others to set beside it.
class LawChoice {
 public:
  explicit LawChoice(const ScalingOptions& options) : catalog_(LawCatalog::load()) {
    rule_ = options.law ? catalog_.find_rule(*options.law) : nullptr;
    reference_ = options.law && !rule_ ? load(*options.law) : catalog_.default_law();
  }
  LawChoice(const LawChoice&) = delete;
  LawChoice& operator=(const LawChoice&) = delete;

  const ScalingLaw& reference() const { return reference_; }

  std::vector<LawAnswer> ask(const RunConstraints& constraints, bool all) const {
    const std::optional<LawAnswer> first = ask_law(reference_, constraints, reference_);
    if (!first) throw NothingFitsError(why_unreachable(reference_, constraints));
    std::vector<LawAnswer> answers = {*first};
    for (const ScalingLaw& law : catalog_.laws()) {
      if (all && law.name != reference_.name) add(answers, ask_law(law, constraints, reference_));
    }
    for (const AllocationRule& rule : catalog_.rules()) {
      if (all || &rule == rule_) add(answers, ask_rule(rule, constraints, reference_));
    }
    if (rule_ && !all && answers.size() == 1)
      throw ConfigError(fmt::format(
          "--law {} splits a compute budget and says nothing else; give --compute", rule_->name));
    return answers;
  }

 private:
  ScalingLaw load(const std::string& name) const {
    return names_a_law_file(name) ? load_law(name) : catalog_.find(name);
  }
  static void add(std::vector<LawAnswer>& answers, const std::optional<LawAnswer>& answer) {
    if (answer) answers.push_back(*answer);
  }

  LawCatalog catalog_;
  const AllocationRule* rule_ = nullptr;
  ScalingLaw reference_;
};

ScalingReport make_report(const ScalingOptions& options) {
  ScalingReport report;
  report.source = read_source(options);
  report.constraints = {.compute_flops = read_compute(options, report.source),
                        .n_params = read_params(options),
                        .n_tokens = quantity("--tokens", options.tokens),
                        .loss = quantity("--loss", options.loss)};
  const LawChoice laws(options);
  report.reference = laws.reference().name;
  report.answers = laws.ask(report.constraints, options.compare);
  if (report.source)
    report.cost = cost_of(*report.source, report.answers.front().run.compute_flops());
  return report;
}

}  // namespace

int run_scaling_command(int argc, const char* const* argv) {
  if (const std::optional<ScalingOptions> options = parse(argc, argv)) {
    const ScalingReport report = make_report(*options);
    fmt::print("{}", options->json ? scaling_as_json(report) : describe_scaling(report));
  }
  return 0;
}

}  // namespace isoflop
