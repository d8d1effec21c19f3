// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/log.hpp"
#include "core/plan/train_config.hpp"
#include "trainer/comm/bootstrap.hpp"
#include "trainer/comm/launcher.hpp"
#include "trainer/profile/profile_request.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace isoflop {

enum class TrainerAction { train, check, bench, list_options };

struct TrainerOptions {
  TrainerAction action = TrainerAction::train;
  std::filesystem::path config;                                ///< plan.yaml or train.yaml
  std::vector<std::pair<std::string, std::string>> overrides;  ///< --set key=value, in order
  log::Level log_level = log::Level::info;
  Bootstrap bootstrap;
  std::optional<ProfileRequest> profile;
  bool bench_rates = false;         ///< every rank's rates alone, on its GPU where it has one
  std::filesystem::path bench_out;  ///< empty: standard output only
  std::string bench_name = "cpu";
  /// bench --model: a model file whose training steps are measured instead of the machine.
  std::filesystem::path bench_model;
  std::vector<Precision> bench_precisions = {Precision::fp32};
  std::vector<int64_t> bench_seq_lens = {256};
  int64_t bench_batch_size = 4;
  std::vector<std::string> argv;
};

/// Throws ConfigError for a wrong command line; absent when --help was printed.
std::optional<TrainerOptions> parse_options(int argc, const char* const* argv);

/// options.bootstrap with the folder filled in that a meeting by file has by default: that of the
/// run files. Throws as load_config() does; ReportedElsewhereError on other ranks than the first.
Bootstrap choose_bootstrap(const TrainerOptions& options, const EnvironmentLookup& environment);

/// Where a run's files go: <out>/<name>.*
struct RunPlace {
  std::filesystem::path out;
  std::string name;

  bool operator==(const RunPlace&) const = default;
};

/// The run that `options` are about, even if the rest of the configuration is wrong; absent when
/// there is no such name.
std::optional<RunPlace> find_run_place(const TrainerOptions& options);

/// The configuration file with the overrides applied. Throws ConfigError or FileError.
TrainConfig load_config(const TrainerOptions& options);

}  // namespace isoflop
