// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/csv.hpp"
#include "planner/calibration.hpp"
#include "planner/estimate/estimate.hpp"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace isoflop {

/// A row of a table of runs: what is predicted, and what was measured where it says.
struct EstimatedRow {
  std::size_t row = 0;
  std::string source;
  std::string contest;  ///< equal for layouts of one model on the same GPUs and sequence length
  std::optional<RunEstimate> estimate;
  std::string unsupported_reason;  ///< without an estimate
  std::string layout;              ///< layout_key
  bool has_full_layout = false;    ///< shape, devices, layout and batch are all given
  std::optional<double> measured_step_s;
  std::optional<double> measured_memory_gib;
};

/// Whether shape, devices, layout and batch are all given.
bool states_full_layout(const CsvTable& table, std::size_t row);

std::vector<EstimatedRow> estimate_rows(const CsvTable& table, const RunReader& reader,
                                        const Calibration& calibration);

/// Seconds of a step from whatever the row states: the time, tokens/s, model or hardware TFLOP/s,
/// or MFU, by the conventions that its notes name. Sources: Megatron-LM's TFLOP/s include
/// recomputation (Narayanan et al., arXiv:2104.04473, appendix); MPT's and dgxc's MFU count the
/// full square of attention.
std::optional<double> measured_step_s(const CsvTable& table, std::size_t row,
                                      const PublishedRun& run);

/// Of the rows of one source with a full layout and a measurement; an unpredicted row counts as an
/// error of 1.
struct SourceAccuracy {
  std::string source;
  std::size_t rows = 0;
  std::size_t predicted = 0;
  double mean_error = 0;      ///< of |predicted / measured - 1|
  double bias = 0;            ///< geometric mean of predicted / measured
  double factored_error = 0;  ///< mean error after division by the factor of at most three rows
  /// Of layouts of one model, where at least four were measured: Spearman's rank correlation of
  /// predicted and measured tokens/s, the mean weighted by rows, and what choosing by prediction
  /// loses against the best one, the mean over the groups. Absent without such a group.
  std::optional<double> rank_correlation;
  std::optional<double> regret;
  std::size_t memory_rows = 0;
  double memory_error = 0;               ///< mean of |predicted / measured - 1| of the peak memory
  std::size_t repeated_rows = 0;         ///< whose layout was measured again, in any source
  std::optional<double> repeats_differ;  ///< mean over those; see differences_of_repeats
};

/// By source, in the order of first appearance. The factor is the geometric mean over rows 0, n / 2
/// and n - 1 of the source's predicted rows.
std::vector<SourceAccuracy> accuracy_by_source(std::span<const EstimatedRow> rows);

}  // namespace isoflop
