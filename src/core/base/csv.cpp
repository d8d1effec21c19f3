// SPDX-License-Identifier: MIT
#include "core/base/csv.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace isoflop {
namespace {

/// Reads one record after the other.
class Scanner {
 public:
  Scanner(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  bool at_end() const { return position_ == text_.size(); }
  std::size_t line() const { return line_; }

  /// The fields of the next record; an empty line has one empty field.
  std::vector<std::string> record() {
    std::vector<std::string> fields;
    do {
      fields.push_back(field());
    } while (take(','));
    take('\r');
    if (take('\n')) ++line_;
    return fields;
  }

 private:
  bool take(char c) {
    if (at_end() || text_[position_] != c) return false;
    ++position_;
    return true;
  }

  std::string field() {
    if (take('"')) return quoted_field();
    const std::size_t start = position_;
    while (!at_end() && std::string_view(",\r\n").find(text_[position_]) == std::string_view::npos)
      ++position_;
    return std::string(text_.substr(start, position_ - start));
  }

  std::string quoted_field() {
    const std::size_t first_line = line_;
    std::string value;
    while (!at_end()) {
      const char c = text_[position_++];
      if (c == '"' && !take('"')) return value;
      if (c == '\n') ++line_;
      value += c;
    }
    throw ConfigError(
        fmt::format("{}:{}: a field's double quote is never closed; close it", name_, first_line));
  }

  std::string_view text_;
  const std::string& name_;
  std::size_t position_ = 0;
  std::size_t line_ = 1;
};

void require_distinct(const std::vector<std::string>& columns, const std::string& name) {
  std::set<std::string> seen;
  for (const std::string& column : columns)
    if (!seen.insert(column).second)
      throw ConfigError(
          fmt::format("{}:1: column '{}' stands there twice; remove one", name, column));
}

}  // namespace

CsvTable CsvTable::load(const std::filesystem::path& path) {
  return parse(read_text_file(path), path.string());
}

CsvTable CsvTable::parse(std::string_view text, const std::string& name) {
  CsvTable table;
  table.name_ = name;
  Scanner scanner(text, name);
  if (scanner.at_end()) throw ConfigError(name + ": is empty; its first line must name columns");
  table.columns_ = scanner.record();
  require_distinct(table.columns_, name);
  while (!scanner.at_end()) {
    const std::size_t line = scanner.line();
    std::vector<std::string> fields = scanner.record();
    if (fields.size() == 1 && fields.front().empty()) continue;
    if (fields.size() != table.columns_.size())
      throw ConfigError(
          fmt::format("{}:{}: has {} fields (the header has {}); quote fields that "
                      "hold commas",
                      name, line, fields.size(), table.columns_.size()));
    table.rows_.push_back({std::move(fields), line});
  }
  return table;
}

std::string CsvTable::where(std::size_t index) const {
  return fmt::format("{}:{}", name_, rows_[index].line);
}

std::optional<std::string> CsvTable::find(std::size_t index, std::string_view column) const {
  const auto found = std::find(columns_.begin(), columns_.end(), column);
  if (found == columns_.end()) return std::nullopt;
  const std::string& field =
      rows_[index].fields[static_cast<std::size_t>(found - columns_.begin())];
  return field.empty() ? std::nullopt : std::optional(field);
}

std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

}  // namespace isoflop
