// SPDX-License-Identifier: MIT
#include "core/tokenizer/byte_tokenizer.hpp"

#include "core/tokenizer/bpe_vocabulary.hpp"

namespace isoflop {

void ByteTokenizer::encode(std::string_view text, std::vector<int32_t>& tokens) {
  const std::size_t start = tokens.size();
  tokens.resize(start + text.size());
  for (std::size_t i = 0; i < text.size(); ++i)
    tokens[start + i] = static_cast<unsigned char>(text[i]);
}

std::string ByteTokenizer::decode(std::span<const int32_t> tokens) const {
  std::string text;
  for (const int32_t token : tokens) {
    if (token == eot_token()) {
      text += kEndOfText;
    } else {
      text.push_back(static_cast<char>(token));
    }
  }
  return text;
}

}  // namespace isoflop
