// SPDX-License-Identifier: MIT
#pragma once

#include "tokenize/tokenizer.hpp"

namespace isoflop {

inline constexpr const char* kByteTokenizerName = "bytes";

/// One token a byte: ids 0 to 255 are the bytes, 256 is end of text.
class ByteTokenizer final : public Tokenizer {
 public:
  std::string name() const override { return kByteTokenizerName; }
  int64_t vocab_size() const override { return 257; }
  int32_t eot_token() const override { return 256; }
  void encode(std::string_view piece, std::vector<int32_t>& tokens) override;
  void end_document(std::vector<int32_t>& tokens) override;
};

}  // namespace isoflop
