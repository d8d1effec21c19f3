// SPDX-License-Identifier: MIT
#pragma once

#include "core/run/compound_table.hpp"
#include "core/run/matrix_table.hpp"
#include "core/run/run_header.hpp"
#include "core/run/run_schema.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <tuple>
#include <vector>

namespace isoflop {

inline constexpr std::array<MatrixColumn, 3> kLayerNormColumns{
    MatrixColumn{run_schema::kLayerNormGradient, "1", "gradient L2 norm by unit"},
    MatrixColumn{run_schema::kLayerNormParameter, "1", "parameter L2 norm by unit"},
    MatrixColumn{run_schema::kLayerNormUpdate, "1", "applied update L2 norm by unit"}};
inline constexpr std::array<MatrixColumn, 2> kRankTimeColumns{
    MatrixColumn{run_schema::kRankStepSeconds, "s", "step time by rank"},
    MatrixColumn{run_schema::kRankWaitSeconds, "s", "exposed communication by rank"}};

/// Rows of one table that wait for the next flush.
template <typename Record>
class RowStream {
 public:
  explicit RowStream(hid_t file)
      : table_(CompoundTable::create(file, run_schema::Table<Record>::schema,
                                     run_schema::row_layout(run_schema::columns_of<Record>()))) {}

  void add(const Record& record) {
    run_schema::pack_row(run_schema::columns_of<Record>(), record, pending_);
    ++n_pending_;
  }
  void write() { table_.append(pending_); }
  void forget() {
    pending_.clear();
    n_pending_ = 0;
  }
  std::size_t n_pending() const { return n_pending_; }
  std::size_t worst_case_growth() const {
    return n_pending_ == 0 ? 0 : table_.worst_case_growth(pending_.size());
  }

 private:
  CompoundTable table_;
  std::vector<std::byte> pending_;
  std::size_t n_pending_ = 0;
};

/// Matrix rows that wait for the next flush.
class MatrixStream {
 public:
  MatrixStream(hid_t file, const run_schema::MatrixSchema& schema,
               std::span<const MatrixColumn> columns, std::size_t width)
      : table_(MatrixTable::create(file, schema, columns, width)),
        values_(columns.size()),
        width_(width) {}

  /// Throws std::invalid_argument when a row does not have the width of its matrix.
  void add(int64_t step, std::span<const std::vector<float>* const> rows);
  void write() { table_.append(steps_, values_); }
  void forget();
  std::size_t n_pending() const { return steps_.size(); }
  std::size_t worst_case_growth() const {
    return steps_.empty() ? 0 : table_.worst_case_growth(steps_.size());
  }

 private:
  MatrixTable table_;
  std::vector<int64_t> steps_;
  std::vector<std::vector<float>> values_;
  std::size_t width_;
};

/// All growing datasets of a run file.
class RunStreams {
 public:
  RunStreams(hid_t file, const RunHeader& header);

  template <typename Record>
  void add(const Record& record) {
    std::get<RowStream<Record>>(tables_).add(record);
  }
  void add(const LayerNormRecord& record);
  void add(const RankTimesRecord& record);

  void write();
  void forget();
  std::size_t n_pending() const;
  std::size_t worst_case_growth() const;

 private:
  template <typename Self, typename Visit>
  static void for_each(Self& self, Visit visit) {
    std::apply([&](auto&... table) { (visit(table), ...); }, self.tables_);
    if (self.layer_norms_) visit(*self.layer_norms_);
    visit(self.rank_times_);
  }

  std::tuple<RowStream<StepRecord>, RowStream<GradientRecord>, RowStream<EvalRecord>,
             RowStream<SystemRecord>, RowStream<CheckpointRecord>, RowStream<RunEvent>>
      tables_;
  std::optional<MatrixStream> layer_norms_;  ///< absent for a run without unit names
  MatrixStream rank_times_;
};

}  // namespace isoflop
