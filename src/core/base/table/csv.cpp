// SPDX-License-Identifier: MIT
#include "core/base/csv.hpp"

#include "core/base/table/render.hpp"

#include <fmt/format.h>

namespace isoflop {
namespace {

/// Numbers in full: the shortest text that reads back to the same value.
struct CellText {
  std::string operator()(std::monostate) const { return {}; }
  std::string operator()(const std::string& text) const { return csv_field(text); }
  std::string operator()(int64_t number) const { return fmt::format("{}", number); }
  std::string operator()(double number) const { return fmt::format("{}", number); }
};

std::string render_table(const Table& table) {
  std::string text;
  for (const Column& column : table.columns)
    text += (text.empty() ? "" : ",") + csv_field(column.key);
  text += "\n";
  for (const std::vector<Cell>& row : table.rows) {
    for (std::size_t c = 0; c < row.size(); ++c)
      text += (c == 0 ? "" : ",") + std::visit(CellText{}, row[c]);
    text += "\n";
  }
  return text;
}

std::string comments(const Table& table) {
  std::string text = "# " + table.key + ": " + table.title + "\n";
  for (const std::string& note : table.notes) text += "# " + note + "\n";
  return text;
}

}  // namespace

std::string render_csv(std::span<const Table> tables) {
  if (tables.size() == 1) return render_table(tables.front());
  std::string text;
  for (const Table& table : tables)
    text += (text.empty() ? "" : "\n") + comments(table) + render_table(table);
  return text;
}

}  // namespace isoflop
