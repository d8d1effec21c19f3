// SPDX-License-Identifier: MIT
#include "core/base/table/render.hpp"

#include <algorithm>

namespace isoflop {
namespace {

constexpr std::string_view kGap = "  ";
constexpr std::size_t kMaxWidth = 140;  ///< of a part of a table with key columns

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
                         const std::vector<std::size_t>& widths,
                         const std::vector<std::size_t>& columns) {
  std::string text;
  for (const std::size_t c : columns) {
    const std::string padding(widths[c] - display_width(line[c]), ' ');
    if (!text.empty()) text += kGap;
    text += table.columns[c].style == CellStyle::text ? line[c] + padding : padding + line[c];
  }
  text.erase(text.find_last_not_of(' ') + 1);
  return text + "\n";
}

/// The columns of each part: all, or the key columns and as many of the others as fit.
std::vector<std::vector<std::size_t>> parts_of(const Table& table,
                                               const std::vector<std::size_t>& widths) {
  std::vector<std::vector<std::size_t>> parts(1);
  std::size_t width = 0;
  for (std::size_t c = 0; c < widths.size(); ++c) {
    width += widths[c] + kGap.size();
    if (table.n_key_column > 0 && width > kMaxWidth && parts.back().size() > table.n_key_column) {
      parts.emplace_back();
      width = widths[c] + kGap.size();
      for (std::size_t key = 0; key < table.n_key_column; ++key) {
        parts.back().push_back(key);
        width += widths[key] + kGap.size();
      }
    }
    parts.back().push_back(c);
  }
  return parts;
}

std::string render_table(const Table& table) {
  std::string text = table.title + "\n";
  for (const std::string& note : table.notes) text += "  " + note + "\n";
  const auto lines = shown_cells(table);
  const std::vector<std::size_t> widths = column_widths(lines);
  const auto parts = parts_of(table, widths);
  for (const auto& part : parts) {
    if (&part != &parts.front()) text += "\n";
    for (const auto& line : lines) text += aligned_line(table, line, widths, part);
  }
  return text;
}

}  // namespace

std::string render_text(std::span<const Table> tables) {
  std::string text;
  for (const Table& table : tables) text += (text.empty() ? "" : "\n") + render_table(table);
  return text;
}

}  // namespace isoflop
