// SPDX-License-Identifier: MIT
#include "core/tokenizer/byte_alphabet.hpp"

#include "core/tokenizer/utf8.hpp"

#include <map>

namespace isoflop {
namespace {

bool stands_for_itself(int byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

std::map<char32_t, char> make_alphabet() {
  std::map<char32_t, char> alphabet;
  char32_t next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const char32_t point = stands_for_itself(byte) ? static_cast<char32_t>(byte) : next++;
    alphabet.emplace(point, static_cast<char>(byte));
  }
  return alphabet;
}

}  // namespace

std::optional<std::string> bytes_of_alphabet(std::string_view token) {
  static const std::map<char32_t, char> alphabet = make_alphabet();
  std::string bytes;
  for (std::size_t at = 0; at < token.size();) {
    const Utf8Char next = read_utf8_char(token, at);
    const auto found = alphabet.find(next.point);
    if (!next.is_valid || found == alphabet.end()) return std::nullopt;
    bytes.push_back(found->second);
    at += next.n_bytes;
  }
  return bytes;
}

}  // namespace isoflop
