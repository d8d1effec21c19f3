// SPDX-License-Identifier: MIT
#include "planner/estimate/accuracy.hpp"

#include "core/base/format.hpp"
#include "core/model/flops.hpp"
#include "planner/estimate/ranking.hpp"
#include "planner/estimate/repeats.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace isoflop {
namespace {

std::optional<double> number(const CsvTable& table, std::size_t row, const char* column) {
  const std::optional<std::string> field = table.find(row, column);
  if (!field) return std::nullopt;
  const double value = std::strtod(field->c_str(), nullptr);
  return value > 0 ? std::optional(value) : std::nullopt;
}

/// FLOPs of an iteration as Megatron-LM counts them with full recomputation: 96 B s l h^2 (1 + s /
/// 6h + V / 16lh) (arXiv:2104.04473, equation 3).
double megatron_flops(const PublishedRun& run) {
  const auto h = static_cast<double>(run.shape.d_model);
  const auto layers = static_cast<double>(run.shape.n_layer);
  const auto s = static_cast<double>(run.seq_len);
  const auto vocabulary = static_cast<double>(run.shape.vocab_size);
  return 96 * static_cast<double>(run.layout.global_batch()) * s * layers * h * h *
         (1 + s / (6 * h) + vocabulary / (16 * layers * h));
}

bool is_stated(const CsvTable& table, std::size_t row, const char* column) {
  return table.find(row, column).has_value();
}

/// What notes say of rows whose columns are equal.
std::string noted_differences(const PublishedRun& run) {
  return fmt::format("{} {} {} {:.3f} {}", run.stack.fuses_elementwise,
                     run.stack.overlaps_tensor_parallel, run.layout.virtual_pipeline,
                     run.layout.recompute.products, run.layout.recompute.attention);
}

EstimatedRow estimate_row(const CsvTable& table, std::size_t row, const RunReader& reader,
                          const Calibration& calibration) {
  EstimatedRow result;
  result.row = row;
  result.source = table.find(row, "source").value_or("");
  for (const char* const column : {"model", "n_gpu", "gpu", "seq_len", "precision"})
    result.contest += table.find(row, column).value_or("") + "|";
  result.layout = layout_key(table, row);
  result.has_full_layout = states_full_layout(table, row);
  const std::variant<PublishedRun, Unsupported> read = reader.read(table, row);
  if (const auto* const unsupported = std::get_if<Unsupported>(&read)) {
    result.unsupported_reason = unsupported->reason;
    result.measured_step_s = number(table, row, "measured_step_s");
    return result;
  }
  const auto& run = std::get<PublishedRun>(read);
  result.layout += noted_differences(run);
  result.estimate = estimate_run(run, calibration);
  result.measured_step_s = measured_step_s(table, row, run);
  result.measured_memory_gib = number(table, row, "measured_peak_mem_gb");
  return result;
}

double ratio(const EstimatedRow& row) { return row.estimate->step.total() / *row.measured_step_s; }

double geometric_mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += std::log(value);
  return std::exp(sum / static_cast<double>(values.size()));
}

double mean_error(const std::vector<double>& ratios, double factor, std::size_t unpredicted) {
  double sum = static_cast<double>(unpredicted);
  for (const double value : ratios) sum += std::abs(value / factor - 1);
  return sum / static_cast<double>(ratios.size() + unpredicted);
}

void finish(SourceAccuracy& accuracy, std::span<const EstimatedRow* const> rows) {
  std::vector<double> ratios;
  for (const EstimatedRow* const row : rows) ratios.push_back(ratio(*row));
  accuracy.predicted = ratios.size();
  const std::size_t unpredicted = accuracy.rows - ratios.size();
  if (ratios.empty()) {
    accuracy.mean_error = accuracy.factored_error = 1;
    return;
  }
  accuracy.bias = geometric_mean(ratios);
  accuracy.mean_error = mean_error(ratios, 1, unpredicted);
  const double factor = geometric_mean({ratios.front(), ratios[ratios.size() / 2], ratios.back()});
  accuracy.factored_error = mean_error(ratios, factor, unpredicted);
}

}  // namespace

bool states_full_layout(const CsvTable& table, std::size_t row) {
  for (const char* const column : {"n_layer", "d_model", "n_head", "d_ff", "vocab", "seq_len",
                                   "gpu", "n_gpu", "precision", "tp", "pp", "global_batch"})
    if (!is_stated(table, row, column)) return false;
  return true;
}

std::optional<double> measured_step_s(const CsvTable& table, std::size_t row,
                                      const PublishedRun& run) {
  if (const auto seconds = number(table, row, "measured_step_s")) return seconds;
  const double tokens = static_cast<double>(run.layout.global_batch() * run.seq_len);
  const auto devices = static_cast<double>(run.n_device);
  if (const auto rate = number(table, row, "tokens_per_s_per_gpu"))
    return tokens / (devices * *rate);
  const std::optional<double> tflops = number(table, row, "measured_tflops_per_gpu");
  const std::string notes = table.find(row, "notes").value_or("");
  const bool hardware = notes.find("nclude recompute") != std::string::npos ||
                        notes.find("NCLUDE recompute") != std::string::npos;
  if (tflops && hardware) return megatron_flops(run) / (devices * *tflops * 1e12);
  if (const auto mfu = number(table, row, "measured_mfu_percent")) {
    const double flops =
        tokens * train_flops_per_token(run.shape, run.seq_len, AttentionFlops::full_square);
    return flops /
           (devices * run.device.require_peak_dense_tflops(run.precision) * 1e12 * *mfu / 100);
  }
  if (tflops)
    return tokens * train_flops_per_token(run.shape, run.seq_len) / (devices * *tflops * 1e12);
  return std::nullopt;
}

std::vector<EstimatedRow> estimate_rows(const CsvTable& table, const RunReader& reader,
                                        const Calibration& calibration) {
  std::vector<EstimatedRow> rows;
  rows.reserve(table.n_row());
  for (std::size_t row = 0; row < table.n_row(); ++row)
    rows.push_back(estimate_row(table, row, reader, calibration));
  return rows;
}

namespace {

/// Adds the error of one row's memory to the mean so far.
void add_memory(SourceAccuracy& accuracy, const EstimatedRow& row) {
  if (!row.estimate || !row.measured_memory_gib) return;
  const double error = std::abs(row.estimate->memory.total() / kGiB / *row.measured_memory_gib - 1);
  ++accuracy.memory_rows;
  accuracy.memory_error +=
      (error - accuracy.memory_error) / static_cast<double>(accuracy.memory_rows);
}

/// Tokens/s of each group of rows that can be ranked.
std::vector<std::vector<Score>> contests(std::span<const EstimatedRow* const> rows) {
  constexpr std::size_t kFewest = 4;
  std::map<std::string, std::vector<Score>> groups;
  for (const EstimatedRow* const row : rows) {
    const double predicted = row->estimate->tokens_per_s_per_device;
    groups[row->contest].push_back({predicted, predicted * ratio(*row)});
  }
  std::vector<std::vector<Score>> result;
  for (auto& [contest, scores] : groups)
    if (scores.size() >= kFewest) result.push_back(std::move(scores));
  return result;
}

void add_ranking(SourceAccuracy& accuracy, std::span<const EstimatedRow* const> rows) {
  double weighted = 0;
  double weight = 0;
  double lost = 0;
  const std::vector<std::vector<Score>> groups = contests(rows);
  for (const std::vector<Score>& scores : groups) {
    lost += regret(scores) / static_cast<double>(groups.size());
    const std::optional<double> correlation = rank_correlation(scores);
    if (!correlation) continue;
    weighted += *correlation * static_cast<double>(scores.size());
    weight += static_cast<double>(scores.size());
  }
  if (!groups.empty()) accuracy.regret = lost;
  if (weight > 0) accuracy.rank_correlation = weighted / weight;
}

void add_repeats(std::span<SourceAccuracy> sources, std::span<const EstimatedRow> rows) {
  std::vector<Repeat> measurements;
  std::vector<std::string> of;
  for (const EstimatedRow& row : rows) {
    if (!row.has_full_layout || !row.measured_step_s) continue;
    measurements.push_back({row.layout, *row.measured_step_s});
    of.push_back(row.source);
  }
  const std::vector<std::optional<double>> differences = differences_of_repeats(measurements);
  for (SourceAccuracy& source : sources) {
    double sum = 0;
    for (std::size_t i = 0; i < differences.size(); ++i) {
      if (!differences[i] || of[i] != source.source) continue;
      ++source.repeated_rows;
      sum += *differences[i];
    }
    if (source.repeated_rows > 0)
      source.repeats_differ = sum / static_cast<double>(source.repeated_rows);
  }
}

}  // namespace

std::vector<SourceAccuracy> accuracy_by_source(std::span<const EstimatedRow> rows) {
  std::vector<SourceAccuracy> sources;
  std::vector<std::vector<const EstimatedRow*>> predicted;
  for (const EstimatedRow& row : rows) {
    if (!row.has_full_layout || !row.measured_step_s) continue;
    auto found = std::find_if(sources.begin(), sources.end(), [&](const SourceAccuracy& source) {
      return source.source == row.source;
    });
    if (found == sources.end()) {
      sources.emplace_back().source = row.source;
      predicted.emplace_back();
      found = std::prev(sources.end());
    }
    ++found->rows;
    add_memory(*found, row);
    if (row.estimate) predicted[static_cast<std::size_t>(found - sources.begin())].push_back(&row);
  }
  for (std::size_t i = 0; i < sources.size(); ++i) {
    finish(sources[i], predicted[i]);
    add_ranking(sources[i], predicted[i]);
  }
  add_repeats(sources, rows);
  return sources;
}

}  // namespace isoflop
