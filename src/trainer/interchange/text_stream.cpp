// SPDX-License-Identifier: MIT
#include "trainer/interchange/text_stream.hpp"

#include "core/tokenizer/utf8.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace isoflop {
namespace {

constexpr std::size_t kLongestCharacter = 4;
/// What a tokenizer of characters makes of bytes that are part of one.
constexpr std::string_view kReplacement = "\xef\xbf\xbd";

/// Bytes of the text before a character at the end that may still be completed.
std::size_t complete_size(std::string_view text) {
  const std::size_t tail = std::min(kLongestCharacter - 1, text.size());
  for (std::size_t n = 1; n <= tail; ++n) {
    const Utf8Char last = read_utf8_char(text, text.size() - n);
    const auto lead = static_cast<unsigned char>(text[text.size() - n]);
    if (last.is_valid) break;
    if (lead >= 0xC2 && lead <= 0xF4 && last.n_bytes == n) return text.size() - n;
  }
  while (text.ends_with(kReplacement)) text.remove_suffix(kReplacement.size());
  return text.size();
}

}  // namespace

TextStream::TextStream(const Tokenizer& tokenizer, std::vector<int32_t> before)
    : tokenizer_(tokenizer), tokens_(std::move(before)), begin_(tokenizer.decode(tokens_).size()) {}

std::string TextStream::add(int32_t token) {
  tokens_.push_back(token);
  const std::string all = tokenizer_.decode(tokens_);
  return give(complete_size(all), all);
}

std::string TextStream::finish() {
  const std::string all = tokenizer_.decode(tokens_);
  return give(all.size(), all);
}

std::string TextStream::give(std::size_t end, const std::string& all) {
  const std::size_t first = std::min(begin_ + given_.size(), end);
  std::string part = all.substr(first, end - first);
  given_ += part;
  return part;
}

}  // namespace isoflop
