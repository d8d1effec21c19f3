// SPDX-License-Identifier: MIT
#pragma once

#include "core/run/step_record.hpp"

#include <cstddef>
#include <filesystem>
#include <iterator>
#include <memory>
#include <vector>

namespace isoflop {

/// The rows of /metrics/train of one start, by ascending step: in memory, or read from the file,
/// block by block, when they are asked for, so that a run of any length takes the memory of one
/// block. The last block that a thread read stays: walking along the rows again and again costs
/// one reading where they fit into it.
class StepRows {
 public:
  using value_type = StepRecord;
  static constexpr std::size_t kBlockRows = 16384;

  StepRows() = default;
  StepRows(std::vector<StepRecord> rows) : rows_(std::move(rows)) {}
  /// The first `size` rows of a file that was read in full before. Throws FileError.
  static StepRows of_file(std::filesystem::path path, std::size_t size);

  std::size_t size() const { return file_.empty() ? rows_.size() : size_; }
  bool empty() const { return size() == 0; }
  /// A copy: of rows of a file the next call may drop the block it stands in. Throws FileError when
  /// the file cannot be read any more.
  StepRecord operator[](std::size_t row) const;
  StepRecord at(std::size_t row) const { return (*this)[row]; }
  StepRecord front() const { return file_.empty() ? rows_.front() : first_; }
  StepRecord back() const { return file_.empty() ? rows_.back() : last_; }

  /// Drops the rows beyond this step; returns how many.
  std::size_t drop_beyond(int64_t step);

  /// Only of rows in memory.
  std::vector<StepRecord>& in_memory();
  void push_back(const StepRecord& row) { in_memory().push_back(row); }

  class Iterator;
  Iterator begin() const;
  Iterator end() const;

 private:
  struct Block {
    std::size_t begin = 0;
    std::vector<StepRecord> rows;
  };
  using SharedBlock = std::shared_ptr<const Block>;
  /// Of rows of a file.
  SharedBlock block_of(std::size_t row) const;

  std::vector<StepRecord> rows_;
  std::filesystem::path file_;  ///< empty: all rows are in memory
  std::size_t size_ = 0;        ///< of those of a file
  StepRecord first_;
  StepRecord last_;
};

/// Goes along the rows once; what it points at lives until it moves.
class StepRows::Iterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = StepRecord;
  using difference_type = std::ptrdiff_t;
  using pointer = const StepRecord*;
  using reference = const StepRecord&;

  Iterator(const StepRows& rows, std::size_t row) : rows_(&rows), row_(row) {}
  reference operator*() const {
    if (rows_->file_.empty()) return rows_->rows_[row_];
    if (!block_ || row_ - block_->begin >= block_->rows.size()) block_ = rows_->block_of(row_);
    return block_->rows[row_ - block_->begin];
  }
  pointer operator->() const { return &**this; }
  Iterator& operator++() {
    ++row_;
    return *this;
  }
  void operator++(int) { ++row_; }
  bool operator==(const Iterator& other) const { return row_ == other.row_; }

 private:
  const StepRows* rows_;
  std::size_t row_;
  mutable SharedBlock block_;
};

inline StepRows::Iterator StepRows::begin() const { return {*this, 0}; }
inline StepRows::Iterator StepRows::end() const { return {*this, size()}; }

}  // namespace isoflop
