// SPDX-License-Identifier: MIT
#include "planner/options.hpp"

#include "core/base/build_info.hpp"
#include "core/base/command_line.hpp"
#include "core/base/error.hpp"
#include "core/base/suggest.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cctype>
#include <cstdio>

namespace isoflop {

namespace {

/// What CLI11 fills in before it is checked.
struct RawOptions {
  Options options;
  std::optional<std::string> precision;
  bool force = false;
};

void declare(CLI::App& app, RawOptions& raw) {
  Options& options = raw.options;
  app.set_version_flag("--version", "planner " + build_version());
  app.add_option("CLUSTER", options.cluster_file, "Cluster file (configs/clusters/template.yaml)")
      ->required();
  app.add_option("--hours", options.hours, "Wall-clock hours to use, such as 72 or 0.05")
      ->required();
  app.add_option("--out", options.out, "Folder for plan.yaml and train.sbatch [plans/NAME]");
  app.add_option("--data", options.text.data, "Dataset that tokenize wrote");
  app.add_option("--seq-len", options.seq_len, "Tokens of a sequence [2048; 256 on CPUs]");
  app.add_option("--vocab-size", options.text.vocab_size,
                 "Vocabulary without --data [50257; 257 for bytes]");
  app.add_option("--tokenizer", options.text.tokenizer,
                 "Tokenizer's name without --data [GPT-2 BPE]");
  app.add_option("--law", options.law, "Scaling law of data/scaling_laws.yaml, or a file");
  app.add_option("--partition", options.partition, "Partition of the cluster file [the best]");
  app.add_option("--gpus", options.n_devices, "GPUs (CPU ranks) to use [the best number]");
  app.add_option("--precision", raw.precision, "bf16, fp16, tf32 or fp32 [bf16; fp32 on CPUs]");
  app.add_option("--name", options.name, "Name of the run [CLUSTER-HOURSh]");
  app.add_flag("--force", raw.force, "Write into a folder that holds other files");
}

Precision training_precision(const std::string& text) {
  const std::vector<std::string> trainable = {"bf16", "fp16", "tf32", "fp32"};
  const auto found = std::find(trainable.begin(), trainable.end(), text);
  if (found == trainable.end()) {
    throw ConfigError(fmt::format("--precision is '{}'{}; use bf16, fp16, tf32 or fp32", text,
                                  did_you_mean(text, trainable)));
  }
  return *parse_precision(text);
}

/// Of the largest vocabularies in use, 262,144 (Gemma 3), a thousandfold.
constexpr int64_t kMostTokenIds = int64_t{1} << 28;

bool is_name_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.';
}

void check(const Options& options) {
  if (!(options.hours > 0) || options.hours > 1e5) {
    throw ConfigError(
        fmt::format("--hours is {:g} (must be above 0 and at most 1e5)", options.hours));
  }
  if (options.out && options.out->empty()) {
    throw ConfigError("--out is '' (must name a folder); leave it out for plans/NAME");
  }
  if (options.text.vocab_size && *options.text.vocab_size > kMostTokenIds) {
    throw ConfigError(fmt::format("--vocab-size is {} (must be at most {}, which token ids reach)",
                                  *options.text.vocab_size, kMostTokenIds));
  }
  if (options.seq_len && (*options.seq_len < 8 || *options.seq_len > 1 << 20)) {
    throw ConfigError(fmt::format("--seq-len is {} (must be 8 to 1,048,576)", *options.seq_len));
  }
  if (options.name &&
      (options.name->empty() || options.name->front() == '.' ||
       !std::all_of(options.name->begin(), options.name->end(), is_name_character))) {
    throw ConfigError(fmt::format(
        "--name is '{}' (it names files and the job); use letters, digits, '-', '_' and '.'",
        *options.name));
  }
}

}  // namespace

std::optional<Options> parse_options(int argc, const char* const* argv) {
  CLI::App app("Plans the best model a cluster can train in the time given.", "planner plan");
  RawOptions raw;
  declare(app, raw);
  if (!parse_command_line(app, argc, argv, "planner plan --help lists the options"))
    return std::nullopt;
  if (raw.precision) raw.options.precision = training_precision(*raw.precision);
  if (raw.force) raw.options.overwrite = Overwrite::anything;
  check(raw.options);
  return raw.options;
}

std::string default_run_name(const std::string& cluster, double hours) {
  std::string name = fmt::format("{}-{:g}h", cluster, hours);
  for (char& c : name) {
    if (!is_name_character(c)) c = '-';
  }
  return name;
}

}  // namespace isoflop
