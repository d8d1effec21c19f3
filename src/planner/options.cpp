// SPDX-License-Identifier: MIT
#include "planner/options.hpp"

#include "core/base/build_info.hpp"
#include "core/base/command_line.hpp"
#include "core/base/error.hpp"
#include "core/base/suggest.hpp"
#include "core/plan/optimizer_config.hpp"
#include "planner/budget.hpp"
#include "planner/calibration_option.hpp"
#include "planner/request_file.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>

namespace isoflop {

namespace {

/// What CLI11 fills in before it is checked.
struct RawOptions {
  Options options;
  std::optional<std::filesystem::path> request;
  OptionWords words;
  std::optional<std::string> objective;
  bool force = false;
};

void declare_goals(CLI::App& app, RawOptions& raw) {
  Options& options = raw.options;
  Goals& goals = options.goals;
  app.add_option("--hours", goals.hours, "Wall-clock hours to use, such as 72 or 0.05");
  app.add_option("--gpu-hours", goals.device_hours, "GPU hours to spend");
  app.add_option("--dollars", goals.money, "Money to spend, in the currency of the prices");
  app.add_option("--price", options.price, "Of one GPU hour [the cluster file's]");
  app.add_option("--model", options.model,
                 "Keep to this model: a file, or a name in configs/models; D is chosen");
  app.add_option("--params", goals.n_params, "Keep to about this many parameters");
  app.add_option("--max-params", goals.max_params, "Most parameters");
  app.add_option("--tokens", goals.tokens, "Train exactly this many tokens");
  app.add_option("--compute", goals.compute, "Train exactly 6 N D FLOPs, such as 1e23");
  app.add_option("--loss", goals.loss, "Reach this loss, nats a token: what does it take?");
  app.add_option("--objective", raw.objective,
                 "loss; time or cost (the least of designs as good) [loss; time where tokens, "
                 "compute or loss are given]");
  app.add_option("--dataset-tokens", options.text.dataset_tokens,
                 "Tokens of text there are, without --data; more are repetitions");
  app.add_option("--max-epochs", goals.max_epochs, "Most times that a token is read");
}

void declare(CLI::App& app, RawOptions& raw) {
  Options& options = raw.options;
  app.set_version_flag("--version", "planner " + build_text());
  app.add_option("--request", raw.request,
                 "File with any of these options as keys; the command line wins");
  declare_goals(app, raw);
  declare_shared_options(app, options, raw.words);
  app.add_flag("--what-if", options.what_if,
               "Plan what this trainer cannot run too: fp8; tensor, pipeline and context groups");
  app.add_flag("--json", options.json, "Print the plan as one JSON document");
  app.add_flag("--submit", options.submit, "Submit the training at once, without its pilot");
  app.add_flag("--force", raw.force, "Write into a folder that holds other files");
}

/// The value that `text` names; throws ConfigError with the nearest name.
template <typename Rows>
auto value_named(const std::string& option, const std::string& text, const Rows& rows) {
  std::vector<std::string> names;
  for (const auto& row : rows) {
    if (row.name == text) return row.value;
    names.emplace_back(row.name);
  }
  throw ConfigError(fmt::format("{} is '{}'{}; use {}", option, text, did_you_mean(text, names),
                                fmt::join(names, ", ")));
}

constexpr std::array kTrainingPrecisions = {
    EnumName{Precision::bf16, "bf16"}, EnumName{Precision::fp16, "fp16"},
    EnumName{Precision::tf32, "tf32"}, EnumName{Precision::fp32, "fp32"},
    EnumName{Precision::fp8, "fp8"}};

constexpr std::array kObjectives = {EnumName{Objective::loss, "loss"},
                                    EnumName{Objective::time, "time"},
                                    EnumName{Objective::cost, "cost"}};

void name_values(RawOptions& raw) {
  Options& options = raw.options;
  if (raw.objective)
    options.goals.objective = value_named("--objective", *raw.objective, kObjectives);
  if (raw.force) options.overwrite = Overwrite::anything;
}

/// Of the largest vocabularies in use, 262,144 (Gemma 3), a thousandfold.
constexpr int64_t kMostTokenIds = int64_t{1} << 28;

bool is_name_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.';
}

void check_amounts(const Options& options) {
  const Goals& goals = options.goals;
  check_range("--hours", goals.hours, kMostHours);
  check_range("--gpu-hours", goals.device_hours, 1e12);
  check_range("--dollars", goals.money, 1e12);
  check_range("--price", options.price, 1e6);
  check_range("--params", goals.n_params, 1e14);
  check_range("--max-params", goals.max_params, 1e14);
  check_range("--tokens", goals.tokens, 1e17);
  check_range("--compute", goals.compute, 1e30);
  check_range("--loss", goals.loss, 20);
  check_range("--max-epochs", goals.max_epochs, 1e6);
  check_range("--dataset-tokens", options.text.dataset_tokens, 1e17);
}

void check_text(const Options& options) {
  if (options.text.vocab_size && *options.text.vocab_size > kMostTokenIds) {
    throw ConfigError(fmt::format("--vocab-size is {} (must be at most {}, which token ids reach)",
                                  *options.text.vocab_size, kMostTokenIds));
  }
  if (options.seq_len && (*options.seq_len < 8 || *options.seq_len > 1 << 20)) {
    throw ConfigError(fmt::format("--seq-len is {} (must be 8 to 1,048,576)", *options.seq_len));
  }
}

void check_names(const Options& options) {
  if (options.cluster_file.empty())
    throw ConfigError("CLUSTER is required; name a cluster file (configs/clusters has examples)");
  if (options.out && options.out->empty()) {
    throw ConfigError("--out is '' (must name a folder); leave it out for the default");
  }
  if (options.name &&
      (options.name->empty() || options.name->front() == '.' ||
       !std::all_of(options.name->begin(), options.name->end(), is_name_character))) {
    throw ConfigError(fmt::format(
        "--name is '{}' (it names files and the job); use letters, digits, '-', '_' and '.'",
        *options.name));
  }
}

void check_precision(const Options& options) {
  if (options.precision == Precision::fp8 && !options.what_if)
    throw ConfigError(
        "--precision is 'fp8' (this version of the trainer does not compute in it); add --what-if "
        "to plan it all the same");
}

/// Where and how a plan is written, not what is planned.
constexpr std::array<const char*, 7> kOfOneCall = {"--help", "--version", "--request", "--out",
                                                   "--json", "--submit",  "--force"};

/// Absolute where the value names a file that is there.
std::string lasting_value(const std::string& option, const std::string& value) {
  constexpr std::array<const char*, 6> kMayNameFiles = {"cluster", "model",       "law",
                                                        "data",    "calibration", "templates"};
  const bool may_be_file =
      std::find(kMayNameFiles.begin(), kMayNameFiles.end(), option) != kMayNameFiles.end();
  if (!may_be_file || !std::filesystem::exists(value)) return value;
  return std::filesystem::absolute(value).lexically_normal().string();
}

}  // namespace

void declare_shared_options(CLI::App& app, Options& options, OptionWords& words) {
  app.add_option("CLUSTER,--cluster", options.cluster_file,
                 "Cluster file (configs/clusters/template.yaml), or auto: this node");
  app.add_option("--partition", options.partition, "Partition of the cluster file [the best]");
  app.add_option("--gpus", options.n_devices, "GPUs (CPU ranks) to use [the best number]");
  app.add_option("--precision", words.precision,
                 "bf16, fp16, tf32, fp32, or fp8 with --what-if [bf16; fp32 on CPUs]");
  app.add_option("--optimizer", words.optimizer, "adamw or muon [adamw]");
  app.add_option("--attention", words.attention, "auto, flash_attn_2, sdpa or manual [auto]");
  app.add_option("--seq-len", options.seq_len, "Tokens of a sequence [2048; 256 on CPUs]");
  app.add_option("--law", options.law, "Scaling law of data/scaling_laws.yaml, or a file");
  add_calibration_option(app, options.calibration);
  app.add_option("--data", options.text.data, "Dataset that tokenize wrote");
  app.add_option("--vocab-size", options.text.vocab_size,
                 "Vocabulary without --data [50257; 257 for bytes]");
  app.add_option("--tokenizer", options.text.tokenizer,
                 "Tokenizer's name without --data [GPT-2 BPE]");
  app.add_option("--out", options.out, "Folder to write to [plans/NAME]");
  app.add_option("--name", options.name, "Name of the run [CLUSTER-HOURSh]");
  app.add_option("--templates", options.templates,
                 "Folder whose files replace those of slurm/templates [the cluster file's]");
}

void finish_shared_options(Options& options, const OptionWords& words) {
  if (words.precision)
    options.precision = value_named("--precision", *words.precision, kTrainingPrecisions);
  if (words.optimizer)
    options.optimizer = value_named("--optimizer", *words.optimizer, kOptimizerKindNames);
  if (words.attention)
    options.attention = value_named("--attention", *words.attention, kAttentionBackendRows);
  check_names(options);
  check_text(options);
}

void check_range(const char* option, const std::optional<double>& value, double most) {
  if (!value || (*value > 0 && *value <= most)) return;
  throw ConfigError(
      fmt::format("{} is {:g} (must be above 0 and at most {:g})", option, *value, most));
}

std::vector<std::pair<std::string, std::string>> given_options(const CLI::App& app) {
  std::vector<std::pair<std::string, std::string>> given;
  for (const CLI::Option* const option : app.get_options()) {
    const bool lasts =
        std::find(kOfOneCall.begin(), kOfOneCall.end(), option->get_name()) == kOfOneCall.end();
    if (option->count() == 0 || !lasts) continue;
    const std::string& name = option->get_lnames().front();
    for (const std::string& value : option->results())
      given.emplace_back(name, lasting_value(name, value));
  }
  return given;
}

std::optional<Options> parse_options(int argc, const char* const* argv) {
  CLI::App app("Plans the best model a cluster can train in the time given.", "planner plan");
  RawOptions raw;
  declare(app, raw);
  if (!parse_command_line(app, argc, argv, "planner plan --help lists the options"))
    return std::nullopt;
  if (raw.request) read_request_file(*raw.request, app);
  name_values(raw);
  check_amounts(raw.options);
  finish_shared_options(raw.options, raw.words);
  check_precision(raw.options);
  raw.options.given = given_options(app);
  return raw.options;
}

std::string default_run_name(const std::string& cluster, const Goals& goals) {
  std::string name = cluster;
  if (goals.hours) name += fmt::format("-{:g}h", *goals.hours);
  if (goals.device_hours) name += fmt::format("-{:g}gpuh", *goals.device_hours);
  if (goals.money) name += fmt::format("-{:g}money", *goals.money);
  if (goals.n_params) name += fmt::format("-n{:g}", *goals.n_params);
  if (goals.tokens) name += fmt::format("-d{:g}", *goals.tokens);
  if (goals.compute) name += fmt::format("-c{:g}", *goals.compute);
  if (goals.loss) name += fmt::format("-loss{:g}", *goals.loss);
  for (char& c : name) {
    if (!is_name_character(c)) c = '-';
  }
  return name;
}

}  // namespace isoflop
