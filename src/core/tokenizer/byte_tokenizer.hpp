// SPDX-License-Identifier: MIT
#pragma once

#include "core/tokenizer/tokenizer.hpp"

namespace isoflop {

inline constexpr const char* kByteTokenizerName = "bytes";

/// One token a byte: ids 0 to 255 are the bytes, 256 is end of text.
class ByteTokenizer final : public Tokenizer {
 public:
  std::string name() const override { return kByteTokenizerName; }
  int64_t vocab_size() const override { return 257; }
  int32_t eot_token() const override { return 256; }
  std::optional<VocabularySource> vocabulary() const override { return std::nullopt; }
  std::size_t last_cut(std::string_view text) const override { return text.size(); }
  void encode(std::string_view text, std::vector<int32_t>& tokens) override;
  std::string decode(std::span<const int32_t> tokens) const override;
  std::unique_ptr<Tokenizer> clone() const override { return std::make_unique<ByteTokenizer>(); }
};

}  // namespace isoflop
