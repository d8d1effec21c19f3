// SPDX-License-Identifier: MIT
#include "core/run/run_streams.hpp"

#include <algorithm>
#include <stdexcept>

namespace isoflop {

void MatrixStream::add(int64_t step, std::span<const std::vector<float>* const> rows) {
  for (const std::vector<float>* row : rows) {
    if (row->size() != width_)
      throw std::invalid_argument("a matrix row of a run file has the wrong number of values");
  }
  for (std::size_t column = 0; column < rows.size(); ++column)
    values_[column].insert(values_[column].end(), rows[column]->begin(), rows[column]->end());
  steps_.push_back(step);
}

void MatrixStream::forget() {
  steps_.clear();
  for (std::vector<float>& column : values_) column.clear();
}

RunStreams::RunStreams(hid_t file, const RunHeader& header)
    : tables_(RowStream<StepRecord>(file), RowStream<GradientRecord>(file),
              RowStream<EvalRecord>(file), RowStream<SystemRecord>(file),
              RowStream<CheckpointRecord>(file), RowStream<RunEvent>(file)),
      rank_times_(file, run_schema::kRankTimes, kRankTimeColumns,
                  static_cast<std::size_t>(std::max(header.hardware.world_size, 1))) {
  if (!header.unit_names.empty())
    layer_norms_.emplace(file, run_schema::kLayerNorms, kLayerNormColumns,
                         header.unit_names.size());
}

void RunStreams::add(const LayerNormRecord& record) {
  if (!layer_norms_)
    throw std::invalid_argument("layer norms were recorded for a run without unit names");
  const std::array rows{&record.gradient, &record.parameter, &record.update};
  layer_norms_->add(record.step, rows);
}

void RunStreams::add(const RankTimesRecord& record) {
  const std::array rows{&record.step_s, &record.comm_s};
  rank_times_.add(record.step, rows);
}

void RunStreams::write() {
  for_each(*this, [](auto& stream) { stream.write(); });
}

void RunStreams::forget() {
  for_each(*this, [](auto& stream) { stream.forget(); });
}

std::size_t RunStreams::n_pending() const {
  std::size_t rows = 0;
  for_each(*this, [&](const auto& stream) { rows += stream.n_pending(); });
  return rows;
}

std::size_t RunStreams::worst_case_growth() const {
  std::size_t bytes = 0;
  for_each(*this, [&](const auto& stream) { bytes += stream.worst_case_growth(); });
  return bytes;
}

}  // namespace isoflop
