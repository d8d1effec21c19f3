// SPDX-License-Identifier: MIT
#include "tokenize/byte_tokenizer.hpp"

namespace isoflop {

void ByteTokenizer::encode(std::string_view piece, std::vector<int32_t>& tokens) {
  const std::size_t start = tokens.size();
  tokens.resize(start + piece.size());
  for (std::size_t i = 0; i < piece.size(); ++i)
    tokens[start + i] = static_cast<unsigned char>(piece[i]);
}

void ByteTokenizer::end_document(std::vector<int32_t>& tokens) { tokens.push_back(eot_token()); }

}  // namespace isoflop
