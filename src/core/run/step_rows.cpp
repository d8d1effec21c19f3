// SPDX-License-Identifier: MIT
#include "core/run/step_rows.hpp"

#include "core/base/check.hpp"
#include "core/base/error.hpp"
#include "core/run/compound_table.hpp"
#include "core/run/open_run.hpp"
#include "core/run/run_schema.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace isoflop {
namespace {

namespace schema = run_schema;

std::vector<StepRecord> read_rows(const std::filesystem::path& path, std::size_t begin,
                                  std::size_t count, std::vector<StepRecord> rows) {
  try {
    const Hdf5Handle file = open_run(path);
    const auto columns = schema::columns_of<StepRecord>();
    const CompoundTable table = CompoundTable::open(
        file.get(), schema::Table<StepRecord>::schema.path, schema::row_layout(columns));
    schema::unpack_rows(columns, table.read(begin, count), rows);
    return rows;
  } catch (const Hdf5Error& error) {
    throw FileError(fmt::format("{}: changed while it was read ({}); start again", path.string(),
                                error.what()));
  }
}

}  // namespace

StepRows StepRows::of_file(std::filesystem::path path, std::size_t size) {
  StepRows rows;
  rows.file_ = std::move(path);
  rows.size_ = size;
  if (size == 0) return rows;
  rows.first_ = read_rows(rows.file_, 0, 1, {}).front();
  rows.last_ = read_rows(rows.file_, size - 1, 1, {}).front();
  return rows;
}

StepRecord StepRows::operator[](std::size_t row) const {
  ISOFLOP_CHECK(row < size());
  if (file_.empty()) return rows_[row];
  const SharedBlock block = block_of(row);
  return block->rows[row - block->begin];
}

std::size_t StepRows::drop_beyond(int64_t step) {
  std::size_t kept = 0;  // as many rows have no larger step
  for (std::size_t end = size(); kept < end;) {
    const std::size_t middle = kept + (end - kept) / 2;
    if ((*this)[middle].step <= step)
      kept = middle + 1;
    else
      end = middle;
  }
  const std::size_t n_dropped = size() - kept;
  if (n_dropped == 0) return 0;
  if (file_.empty()) {
    rows_.resize(kept);
  } else {
    if (kept > 0) last_ = (*this)[kept - 1];
    size_ = kept;
  }
  return n_dropped;
}

std::vector<StepRecord>& StepRows::in_memory() {
  ISOFLOP_CHECK(file_.empty());
  return rows_;
}

StepRows::SharedBlock StepRows::block_of(std::size_t row) const {
  struct Cached {
    std::filesystem::path file;
    std::size_t size = 0;
    std::shared_ptr<Block> block;
  };
  thread_local Cached cached;
  const std::size_t begin = row / kBlockRows * kBlockRows;
  if (cached.block && cached.block->begin == begin && cached.size == size_ && cached.file == file_)
    return cached.block;
  std::vector<StepRecord> buffer;  // that of the block before, unless somebody still reads it
  if (cached.block && cached.block.use_count() == 1) buffer = std::move(cached.block->rows);
  cached.block.reset();
  auto block = std::make_shared<Block>();
  block->begin = begin;
  block->rows = read_rows(file_, begin, std::min(kBlockRows, size_ - begin), std::move(buffer));
  cached = {file_, size_, std::move(block)};
  return cached.block;
}

}  // namespace isoflop
