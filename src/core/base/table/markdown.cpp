// SPDX-License-Identifier: MIT
#include "core/base/table/render.hpp"

namespace isoflop {
namespace {

/// A pipe would end the cell.
std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) result += c == '|' ? std::string("\\|") : std::string(1, c);
  return result;
}

std::string line_of(const std::vector<std::string>& cells) {
  std::string line = "|";
  for (const std::string& cell : cells) line += " " + escaped(cell) + " |";
  return line + "\n";
}

std::string header(const Table& table) {
  std::vector<std::string> titles;
  std::string rule = "|";
  for (const Column& column : table.columns) {
    titles.push_back(column.unit.empty() ? column.title : column.title + " [" + column.unit + "]");
    rule += column.style == CellStyle::text ? "---|" : "---:|";
  }
  return line_of(titles) + rule + "\n";
}

std::string render_table(const Table& table) {
  std::string text = "## " + table.title + "\n\n";
  for (const std::string& note : table.notes) text += "- " + note + "\n";
  if (!table.notes.empty()) text += "\n";
  text += header(table);
  for (const std::vector<Cell>& row : table.rows) {
    std::vector<std::string> cells;
    for (std::size_t c = 0; c < row.size(); ++c)
      cells.push_back(format_cell(table.columns[c], row[c]));
    text += line_of(cells);
  }
  return text;
}

}  // namespace

std::string render_markdown(std::span<const Table> tables) {
  std::string text;
  for (const Table& table : tables) text += (text.empty() ? "" : "\n") + render_table(table);
  return text;
}

}  // namespace isoflop
