// SPDX-License-Identifier: MIT
#include "core/tokenizer/word_splitter.hpp"

#include "core/tokenizer/utf8.hpp"

#include <algorithm>

namespace isoflop {
namespace {

bool is_ascii_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// Bytes of 's, 't, 're, 've, 'm, 'll or 'd at the start of the text; 0 for none.
std::size_t contraction_bytes(std::string_view text) {
  if (text.size() < 2) return 0;
  const char first = text[1];
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
  const std::string_view two = text.substr(1, 2);
  return two == "re" || two == "ve" || two == "ll" ? 3 : 0;
}

}  // namespace

CharClass WordSplitter::class_at(std::string_view text, std::size_t at) const {
  return classes_[next_code_point(text, at)];
}

std::size_t WordSplitter::end_of_run(std::string_view text, std::size_t at, CharClass kind) const {
  while (at < text.size()) {
    std::size_t next = at;
    if (classes_[next_code_point(text, next)] != kind) break;
    at = next;
  }
  return at;
}

/// All white space up to the end of the text; before something else, all but its last character,
/// which may belong to what follows.
std::size_t WordSplitter::end_of_spaces(std::string_view text, std::size_t start) const {
  std::size_t at = start;
  std::size_t last = start;
  while (at < text.size()) {
    std::size_t next = at;
    if (classes_[next_code_point(text, next)] != CharClass::space) return last == start ? at : last;
    last = at;
    at = next;
  }
  return at;
}

std::size_t WordSplitter::word_end(std::string_view text, std::size_t start) const {
  if (text[start] == '\'') {
    const std::size_t n_bytes = contraction_bytes(text.substr(start));
    if (n_bytes > 0) return start + n_bytes;
  }
  const bool has_space = text[start] == ' ' && start + 1 < text.size();
  const std::size_t first = start + (has_space ? 1 : 0);
  const CharClass kind = class_at(text, first);
  if (kind == CharClass::space) return end_of_spaces(text, start);
  return end_of_run(text, first, kind);
}

std::size_t WordSplitter::last_sure_end(std::string_view text) const {
  for (std::size_t end = text.size(); end-- > 1;) {
    if (!is_ascii_space(text[end]) || is_ascii_space(text[end - 1])) continue;
    std::size_t first = end - 1;  // of the character before, at most four bytes
    while (first > 0 && end - first < 4 && (text[first] & 0xC0) == 0x80) --first;
    const Utf8Char before = read_utf8_char(text, first);
    const bool is_one_char = before.is_valid && first + before.n_bytes == end;
    if (!is_one_char || classes_[before.point] != CharClass::space) return end;
  }
  return 0;
}

}  // namespace isoflop
