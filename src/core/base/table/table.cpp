// SPDX-License-Identifier: MIT
#include "core/base/table/table.hpp"

#include "core/base/format.hpp"

#include <fmt/format.h>

namespace isoflop {
namespace {

std::string format_number(const Column& column, double number) {
  switch (column.style) {
    case CellStyle::count:
      return format_count(number);
    case CellStyle::duration:
      return format_duration(number);
    case CellStyle::text:
    case CellStyle::integer:
    case CellStyle::fixed:
      return fmt::format("{:.{}f}", number, column.decimals);
  }
  return {};
}

}  // namespace

std::string format_cell(const Column& column, const Cell& cell) {
  if (std::holds_alternative<std::monostate>(cell)) return "-";
  if (const auto* text = std::get_if<std::string>(&cell)) return text->empty() ? "-" : *text;
  if (const auto* integer = std::get_if<int64_t>(&cell))
    return column.style == CellStyle::count ? format_count(static_cast<double>(*integer))
                                            : fmt::format("{}", *integer);
  return format_number(column, std::get<double>(cell));
}

}  // namespace isoflop
