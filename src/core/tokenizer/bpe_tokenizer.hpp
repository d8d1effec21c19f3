// SPDX-License-Identifier: MIT
#pragma once

#include "core/tokenizer/bpe_encoder.hpp"
#include "core/tokenizer/bpe_vocabulary.hpp"
#include "core/tokenizer/tokenizer.hpp"
#include "core/tokenizer/word_splitter.hpp"

#include <memory>

namespace isoflop {

/// GPT-2's byte-level BPE: words by its pattern, then merges. Bytes that are not UTF-8 become
/// U+FFFD, as text read by Python with errors="replace" has it; the text "<|endoftext|>" is text
/// like any other.
class BpeTokenizer final : public Tokenizer {
 public:
  /// A folder or a .tiktoken file; see open_tokenizer. Throws as that does.
  explicit BpeTokenizer(const std::filesystem::path& path);

  std::string name() const override { return name_; }
  int64_t vocab_size() const override { return static_cast<int64_t>(vocabulary_->tokens.size()); }
  int32_t eot_token() const override { return vocabulary_->eot_token; }
  std::optional<VocabularySource> vocabulary() const override { return source_; }
  std::size_t last_cut(std::string_view text) const override { return words_.last_sure_end(text); }
  void encode(std::string_view text, std::vector<int32_t>& tokens) override;
  std::string decode(std::span<const int32_t> tokens) const override;
  std::unique_ptr<Tokenizer> clone() const override;

 private:
  BpeTokenizer(const BpeTokenizer& other);

  VocabularySource source_;
  std::string name_;
  std::shared_ptr<const BpeVocabulary> vocabulary_;  // shared by clones
  WordSplitter words_;
  BpeEncoder encoder_;
};

}  // namespace isoflop
