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
    case CellStyle::bytes:
      return format_bytes(number);
    case CellStyle::duration:
      return format_duration(number);
    case CellStyle::scientific:
      return format_scientific(number);
    case CellStyle::text:
    case CellStyle::integer:
    case CellStyle::grouped:
    case CellStyle::fixed:
      return fmt::format("{:.{}f}", number, column.decimals);
  }
  return {};
}

std::string format_integer(const Column& column, int64_t integer) {
  switch (column.style) {
    case CellStyle::count:
      return format_count(static_cast<double>(integer));
    case CellStyle::grouped:
      return format_grouped(integer);
    case CellStyle::bytes:
      return format_bytes(integer);
    case CellStyle::text:
    case CellStyle::integer:
    case CellStyle::fixed:
    case CellStyle::duration:
    case CellStyle::scientific:
      return fmt::format("{}", integer);
  }
  return {};
}

}  // namespace

std::string format_cell(const Column& column, const Cell& cell) {
  if (std::holds_alternative<std::monostate>(cell)) return "-";
  if (const auto* text = std::get_if<std::string>(&cell)) return text->empty() ? "-" : *text;
  if (const auto* integer = std::get_if<int64_t>(&cell)) return format_integer(column, *integer);
  return format_number(column, std::get<double>(cell));
}

}  // namespace isoflop
