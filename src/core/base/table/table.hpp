// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace isoflop {

/// How people read a column's numbers; CSV and JSON hold them in full.
enum class CellStyle {
  text,
  integer,
  grouped,     ///< "124,439,808"
  count,       ///< "124 M"
  bytes,       ///< "12.4 GiB"
  fixed,       ///< Column::decimals digits after the point
  scientific,  ///< "1.50e18"
  duration,    ///< seconds as "12 min 3 s"
};

struct Column {
  std::string key;    ///< CSV header and JSON key, with the unit: "wall_s"
  std::string title;  ///< for people
  std::string unit{};
  CellStyle style = CellStyle::text;
  int decimals = 0;
};

/// monostate is an unknown value: "-" for people, empty in CSV, null in JSON.
using Cell = std::variant<std::monostate, std::string, int64_t, double>;

template <typename T>
Cell to_cell(const std::optional<T>& value) {
  return value ? Cell(*value) : Cell();
}

/// A table as plain data; every format is a function of it, so that all show the same numbers.
struct Table {
  std::string key;
  std::string title;
  std::vector<std::string> notes{};  ///< definitions a reader needs, one line each
  std::vector<Column> columns{};
  std::vector<std::vector<Cell>> rows{};  ///< as many cells as columns
  /// Of a table too wide for a terminal: how many columns each of its parts begins with; 0: the
  /// table stays in one piece.
  std::size_t n_key_column = 0;
};

/// A cell for people.
std::string format_cell(const Column& column, const Cell& cell);

}  // namespace isoflop
