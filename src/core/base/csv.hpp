// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace isoflop {

/// A CSV file with a header (RFC 4180: commas, fields in double quotes may hold commas, quotes
/// doubled and line breaks). Blank lines are left out.
class CsvTable {
 public:
  /// Throws FileError when the file cannot be read, ConfigError as parse.
  static CsvTable load(const std::filesystem::path& path);
  /// `name` stands for the file in messages. Throws ConfigError with the line of a row that has
  /// another number of fields than the header, of an open quote and of a column named twice.
  static CsvTable parse(std::string_view text, const std::string& name);

  const std::vector<std::string>& columns() const { return columns_; }
  std::size_t n_row() const { return rows_.size(); }
  const std::vector<std::string>& row(std::size_t index) const { return rows_[index].fields; }
  /// "runs.csv:12", the line its row starts on.
  std::string where(std::size_t index) const;
  /// Absent when the table has no such column or the field is empty.
  std::optional<std::string> find(std::size_t index, std::string_view column) const;

 private:
  struct Row {
    std::vector<std::string> fields;
    std::size_t line = 0;
  };

  std::string name_;
  std::vector<std::string> columns_;
  std::vector<Row> rows_;
};

/// The field as it stands in a CSV file: quoted where it has to be.
std::string csv_field(std::string_view text);

}  // namespace isoflop
