// SPDX-License-Identifier: MIT
#pragma once

#include "core/run/run_set.hpp"
#include "core/scaling/scaling_law.hpp"

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace isoflop::fit {

/// What one run (or one row of a table) says about the loss surface.
struct ScalingPoint {
  std::string run;  ///< points of one run are resampled together
  double n_params = 0;
  double n_tokens = 0;
  double compute_flops = 0;               ///< as given, else 6 N D
  double loss = 0;                        ///< nats per token
  std::optional<double> unique_tokens{};  ///< of n_tokens, where some are read more than once
};

struct ScalingData {
  std::vector<ScalingPoint> points;
  std::vector<ScalingPoint> curve_points;  ///< several a run where its training curve is known
  std::optional<LawTokenizer> tokenizer;   ///< of the run files; a table does not say
  std::vector<std::string> notes;          ///< what a reader of the fit needs to know of the data
  std::vector<std::string> left_out;       ///< "name: reason" of runs and rows that take no part
};

/// A CSV file with the columns loss, two or three of N, D and C (C is 6 N D where it is missing, D
/// is C / (6 N)), and optionally run and U, the unique tokens of D. Rows without a loss are left
/// out. Throws FileError, ConfigError.
ScalingData read_scaling_table(const std::filesystem::path& path);

/// The last losses of runs: validation losses when all runs have one, else training losses. Runs
/// that are not done are left out unless `with_partial`. Throws ConfigError when tokenizers differ.
/// Kokkos must be initialized.
ScalingData scaling_data_of(std::span<const TrainingRun> runs, bool with_partial);

/// In an order that does not depend on that of the files and rows.
void sort_points(std::vector<ScalingPoint>& points);

/// By rising compute; points of equal compute keep their order.
std::vector<ScalingPoint> by_compute(std::span<const ScalingPoint> points);

/// True when a larger compute is less than 10 % above a smaller one: two points of one budget.
bool same_budget(double smaller_flops, double larger_flops);

/// The runs of sorted points, by first appearance: for each point its run's number.
std::vector<std::size_t> run_numbers(std::span<const ScalingPoint> points);

}  // namespace isoflop::fit
