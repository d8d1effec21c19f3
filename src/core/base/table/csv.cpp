// SPDX-License-Identifier: MIT
#include "core/base/table/render.hpp"

#include <fmt/format.h>

namespace isoflop {
namespace {

std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string result = "\"";
  for (const char c : text) result += c == '"' ? std::string("\"\"") : std::string(1, c);
  return result + "\"";
}

/// Numbers in full: the shortest text that reads back to the same value.
struct CellText {
  std::string operator()(std::monostate) const { return {}; }
  std::string operator()(const std::string& text) const { return quoted(text); }
  std::string operator()(int64_t number) const { return fmt::format("{}", number); }
  std::string operator()(double number) const { return fmt::format("{}", number); }
};

std::string render_table(const Table& table) {
  std::string text;
  for (const Column& column : table.columns) text += (text.empty() ? "" : ",") + quoted(column.key);
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
