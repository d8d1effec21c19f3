// SPDX-License-Identifier: MIT
#include "core/run/row_layout.hpp"

#include <algorithm>

namespace isoflop::run_schema {
namespace {

/// Length of the longest prefix of at most `limit` bytes that does not cut a UTF-8 character.
std::size_t utf8_prefix(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return text.size();
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0U) == 0x80U) --limit;
  return limit;
}

}  // namespace

void store(const std::string& value, std::span<std::byte> cell) {
  // The last byte stays zero: C readers take the text as terminated.
  const std::size_t length = utf8_prefix(value, cell.size() - 1);
  std::memset(cell.data(), 0, cell.size());
  std::memcpy(cell.data(), value.data(), length);
}

void load(std::span<const std::byte> cell, bool& value) { value = cell[0] != std::byte{0}; }

void load(std::span<const std::byte> cell, std::string& value) {
  const auto end = std::find(cell.begin(), cell.end(), std::byte{0});
  value.assign(reinterpret_cast<const char*>(cell.data()),
               static_cast<std::size_t>(end - cell.begin()));
}

}  // namespace isoflop::run_schema
