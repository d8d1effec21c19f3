// SPDX-License-Identifier: MIT
#pragma once

#include "core/run/run_records.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace isoflop::run_schema {

/// How a column is stored: little-endian, no padding between columns.
enum class ColumnType { i4, i8, u1, u4, f4, f8, text, eval_set, event_kind };

/// One column of a compound table as it lies in the file.
struct ColumnLayout {
  std::string name;
  ColumnType type;
  std::size_t offset;
  std::size_t size;
  std::string units;
  std::string long_name;
};

struct RowLayout {
  std::vector<ColumnLayout> columns;
  std::size_t row_size = 0;
};

/// One column and the member of Record it holds; `width` is the size of a text in bytes.
template <typename Record>
struct Column {
  using Member = std::variant<int32_t Record::*, int64_t Record::*, uint32_t Record::*,
                              bool Record::*, double Record::*, std::optional<float> Record::*,
                              std::optional<double> Record::*, std::string Record::*,
                              EvalSet Record::*, EventKind Record::*>;
  std::string_view name;
  Member member;
  std::string_view units;
  std::string_view long_name;
  std::size_t width = 0;
};

template <typename T>
constexpr ColumnType column_type() {
  if constexpr (std::is_same_v<T, int32_t>) return ColumnType::i4;
  if constexpr (std::is_same_v<T, int64_t>) return ColumnType::i8;
  if constexpr (std::is_same_v<T, uint32_t>) return ColumnType::u4;
  if constexpr (std::is_same_v<T, bool>) return ColumnType::u1;
  if constexpr (std::is_same_v<T, std::optional<float>>) return ColumnType::f4;
  if constexpr (std::is_same_v<T, double> || std::is_same_v<T, std::optional<double>>)
    return ColumnType::f8;
  if constexpr (std::is_same_v<T, std::string>) return ColumnType::text;
  if constexpr (std::is_same_v<T, EvalSet>) return ColumnType::eval_set;
  if constexpr (std::is_same_v<T, EventKind>) return ColumnType::event_kind;
}

/// Writes a value into its column; an absent one as NaN, a text cut at its width.
template <typename T>
void store(const T& value, std::span<std::byte> cell) {
  std::memcpy(cell.data(), &value, cell.size());
}
template <typename T>
void store(const std::optional<T>& value, std::span<std::byte> cell) {
  store(value.value_or(std::numeric_limits<T>::quiet_NaN()), cell);
}
void store(const std::string& value, std::span<std::byte> cell);

/// The inverse of store.
template <typename T>
void load(std::span<const std::byte> cell, T& value) {
  std::memcpy(&value, cell.data(), sizeof value);
}
template <typename T>
void load(std::span<const std::byte> cell, std::optional<T>& value) {
  T stored{};
  load(cell, stored);
  value = stored == stored ? std::optional<T>(stored) : std::nullopt;
}
void load(std::span<const std::byte> cell, bool& value);
void load(std::span<const std::byte> cell, std::string& value);

/// Bytes of a column in the file.
template <typename Record>
std::size_t column_size(const Column<Record>& column) {
  return std::visit(
      [&]<typename T>(T Record::*) -> std::size_t {
        if constexpr (std::is_same_v<T, std::string>) return column.width;
        if constexpr (std::is_same_v<T, std::optional<float>>) return sizeof(float);
        if constexpr (std::is_same_v<T, std::optional<double>>) return sizeof(double);
        return sizeof(T);
      },
      column.member);
}

template <typename Record>
RowLayout row_layout(std::span<const Column<Record>> columns) {
  RowLayout layout;
  for (const Column<Record>& column : columns) {
    const ColumnType type =
        std::visit([]<typename T>(T Record::*) { return column_type<T>(); }, column.member);
    const std::size_t size = column_size(column);
    layout.columns.push_back({std::string(column.name), type, layout.row_size, size,
                              std::string(column.units), std::string(column.long_name)});
    layout.row_size += size;
  }
  return layout;
}

/// Appends one row to `rows`.
template <typename Record>
void pack_row(std::span<const Column<Record>> columns, const Record& record,
              std::vector<std::byte>& rows) {
  for (const Column<Record>& column : columns) {
    const std::size_t offset = rows.size();
    rows.resize(offset + column_size(column));
    std::visit([&](auto member) { store(record.*member, std::span(rows).subspan(offset)); },
               column.member);
  }
}

/// Replaces `records` by those of whole packed rows.
template <typename Record>
void unpack_rows(std::span<const Column<Record>> columns, std::span<const std::byte> rows,
                 std::vector<Record>& records) {
  constexpr std::size_t kTile = 128;  // rows that stay in the cache from column to column
  const std::size_t row_size = row_layout(columns).row_size;
  records.resize(rows.size() / row_size);
  for (std::size_t begin = 0; begin < records.size(); begin += kTile) {
    const std::size_t end = std::min(begin + kTile, records.size());
    std::size_t offset = 0;
    for (const Column<Record>& column : columns) {
      const std::size_t size = column_size(column);
      std::visit(
          [&](auto member) {
            for (std::size_t row = begin; row < end; ++row)
              load(rows.subspan(row * row_size + offset, size), records[row].*member);
          },
          column.member);
      offset += size;
    }
  }
}

/// The row that `rows` begins with.
template <typename Record>
Record unpack_row(std::span<const Column<Record>> columns, std::span<const std::byte> rows) {
  std::vector<Record> records;
  unpack_rows(columns, rows.first(row_layout(columns).row_size), records);
  return std::move(records.front());
}

}  // namespace isoflop::run_schema
