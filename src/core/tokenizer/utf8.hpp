// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace isoflop {

/// One character of a text in UTF-8.
struct Utf8Char {
  char32_t point = 0;
  std::size_t n_bytes = 0;  ///< when invalid, of the maximal part that could have started one
  bool is_valid = false;
};

/// The character at `text[at]`, which exists. Invalid are stray and missing continuation bytes,
/// overlong forms, surrogates and values above U+10FFFF; an invalid part is as long as Unicode 16,
/// section 3.9.6 ("substitution of maximal subparts") and Python's decoder with errors="replace"
/// take it.
Utf8Char read_utf8_char(std::string_view text, std::size_t at);

/// The text with each invalid part as U+FFFD: `text` itself when there is none, else kept in
/// `storage`.
std::string_view replace_invalid_utf8(std::string_view text, std::string& storage);

/// The code point at `at` in valid UTF-8; moves `at` behind it.
inline char32_t next_code_point(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) -> char32_t { return static_cast<uint8_t>(text[at + i]); };
  const char32_t lead = byte(0);
  if (lead < 0x80) return at += 1, lead;
  if (lead < 0xE0) {
    const char32_t point = (lead & 0x1F) << 6 | (byte(1) & 0x3F);
    return at += 2, point;
  }
  if (lead < 0xF0) {
    const char32_t point = (lead & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    return at += 3, point;
  }
  const char32_t point =
      (lead & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
  return at += 4, point;
}

}  // namespace isoflop
