// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/precision.hpp"
#include "core/model/architecture.hpp"
#include "core/parallel/optimizer_state.hpp"
#include "planner/goals.hpp"
#include "planner/plan_folder.hpp"
#include "planner/training_text.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace CLI {
class App;
}

namespace isoflop {

/// The command line and the request file.
struct Options {
  std::filesystem::path cluster_file;
  std::optional<std::string> model;  ///< a file, or the name of one in configs/models
  Goals goals;                       ///< all but the model
  std::optional<std::filesystem::path> out;
  TextOptions text;
  std::optional<int64_t> seq_len;
  std::optional<std::string> law;
  std::optional<std::string> partition;
  std::optional<int> n_devices;
  std::optional<Precision> precision;
  std::optional<double> price;  ///< per GPU hour, instead of the cluster file's
  OptimizerKind optimizer = OptimizerKind::adamw;
  std::optional<AttentionBackend> attention;
  std::optional<std::filesystem::path> calibration;  ///< instead of data/calibration.yaml
  std::optional<std::string> name;
  std::optional<std::filesystem::path> templates;  ///< instead of the cluster file's
  Overwrite overwrite = Overwrite::own_plans;
  bool what_if = false;
  bool json = false;
  bool submit = false;
  /// What was asked, as options without dashes and values; paths absolute. Not where it is written.
  std::vector<std::pair<std::string, std::string>> given;
};

/// Options that are words, before they are looked up.
struct OptionWords {
  std::optional<std::string> precision;
  std::optional<std::string> optimizer;
  std::optional<std::string> attention;
};

/// What planner plan and planner sweep both take: cluster, partition, numbers, text, law, where.
void declare_shared_options(CLI::App& app, Options& options, OptionWords& words);
/// Looks the words up and checks what was declared. Throws ConfigError.
void finish_shared_options(Options& options, const OptionWords& words);
/// What the command line gave, as Options::given has it.
std::vector<std::pair<std::string, std::string>> given_options(const CLI::App& app);
/// Throws ConfigError unless 0 < value <= most.
void check_range(const char* option, const std::optional<double>& value, double most);

/// Options come from the command line and, where it lacks them, from the file that --request names
/// (YAML or JSON with comments, options as keys; paths that exist beside that file are meant so).
/// Absent after --help and --version, which are printed. Throws ConfigError for wrong options and
/// FileError for a request that cannot be read.
std::optional<Options> parse_options(int argc, const char* const* argv);

/// "h100-16x8-72h", "testbed-0.05h", "h100-16x8-loss2.1": of the run and of the folder under
/// plans/.
std::string default_run_name(const std::string& cluster, const Goals& goals);

}  // namespace isoflop
