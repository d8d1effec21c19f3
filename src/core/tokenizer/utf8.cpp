// SPDX-License-Identifier: MIT
#include "core/tokenizer/utf8.hpp"

#include <cstring>

namespace isoflop {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

/// What may follow a lead byte: Unicode 16, table 3-7.
struct Lead {
  std::size_t n_bytes;  // 0: cannot start a character
  uint8_t second_low;
  uint8_t second_high;
};

Lead lead_of(uint8_t byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte < 0xC2) return {0, 0, 0};
  if (byte < 0xE0) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

/// Bytes from `at` on that are valid UTF-8.
std::size_t valid_bytes(std::string_view text, std::size_t at) {
  const std::size_t start = at;
  while (at < text.size()) {
    uint64_t word = 0;
    if (text.size() - at >= sizeof(word)) {
      std::memcpy(&word, text.data() + at, sizeof(word));
      if ((word & 0x8080808080808080u) == 0) {
        at += sizeof(word);
        continue;
      }
    }
    const Utf8Char next = read_utf8_char(text, at);
    if (!next.is_valid) break;
    at += next.n_bytes;
  }
  return at - start;
}

}  // namespace

Utf8Char read_utf8_char(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<uint8_t>(text[i]); };
  const Lead lead = lead_of(byte(at));
  if (lead.n_bytes == 0) return {0, 1, false};
  for (std::size_t i = 1; i < lead.n_bytes; ++i) {
    const uint8_t low = i == 1 ? lead.second_low : 0x80;
    const uint8_t high = i == 1 ? lead.second_high : 0xBF;
    if (at + i >= text.size() || byte(at + i) < low || byte(at + i) > high) return {0, i, false};
  }
  std::size_t end = at;
  return {next_code_point(text, end), lead.n_bytes, true};
}

std::string_view replace_invalid_utf8(std::string_view text, std::string& storage) {
  std::size_t at = valid_bytes(text, 0);
  if (at == text.size()) return text;
  storage.assign(text.substr(0, at));
  while (at < text.size()) {
    storage += kReplacement;
    at += read_utf8_char(text, at).n_bytes;
    const std::size_t n_valid = valid_bytes(text, at);
    storage += text.substr(at, n_valid);
    at += n_valid;
  }
  return storage;
}

}  // namespace isoflop
