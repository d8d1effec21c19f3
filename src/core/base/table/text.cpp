// SPDX-License-Identifier: MIT
#include "core/base/table/render.hpp"

#include <algorithm>

namespace isoflop {
namespace {

constexpr std::string_view kGap = "  ";

/// Characters shown, taking UTF-8 continuation bytes as none.
std::size_t display_width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](unsigned char byte) { return (byte & 0xC0U) != 0x80U; }));
}

std::string heading(const Column& column) {
  return column.unit.empty() ? column.title : column.title + " [" + column.unit + "]";
}

/// Headings and cells as shown, row by row.
std::vector<std::vector<std::string>> shown_cells(const Table& table) {
  std::vector<std::vector<std::string>> lines(1);
  for (const Column& column : table.columns) lines.front().push_back(heading(column));
  for (const std::vector<Cell>& row : table.rows) {
    std::vector<std::string>& line = lines.emplace_back();
    for (std::size_t c = 0; c < row.size(); ++c)
      line.push_back(format_cell(table.columns[c], row[c]));
  }
  return lines;
}

std::vector<std::size_t> column_widths(const std::vector<std::vector<std::string>>& lines) {
  std::vector<std::size_t> widths(lines.front().size(), 0);
  for (const auto& line : lines) {
    for (std::size_t c = 0; c < line.size(); ++c)
      widths[c] = std::max(widths[c], display_width(line[c]));
  }
  return widths;
}

/// Text to the left, numbers to the right, no blanks at the end of the line.
std::string aligned_line(const Table& table, const std::vector<std::string>& line,
                         const std::vector<std::size_t>& widths) {
  std::string text;
  for (std::size_t c = 0; c < line.size(); ++c) {
    const std::string padding(widths[c] - display_width(line[c]), ' ');
    if (c > 0) text += kGap;
    text += table.columns[c].style == CellStyle::text ? line[c] + padding : padding + line[c];
  }
  text.erase(text.find_last_not_of(' ') + 1);
  return text + "\n";
}

std::string render_table(const Table& table) {
  std::string text = table.title + "\n";
  for (const std::string& note : table.notes) text += "  " + note + "\n";
  const auto lines = shown_cells(table);
  const std::vector<std::size_t> widths = column_widths(lines);
  for (const auto& line : lines) text += aligned_line(table, line, widths);
  return text;
}

}  // namespace

std::string render_text(std::span<const Table> tables) {
  std::string text;
  for (const Table& table : tables) text += (text.empty() ? "" : "\n") + render_table(table);
  return text;
}

}  // namespace isoflop
