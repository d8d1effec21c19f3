// SPDX-License-Identifier: MIT
#pragma once

#include "core/tokenizer/tokenizer.hpp"

#include <memory>

namespace sentencepiece {
class SentencePieceProcessor;
}

namespace isoflop {

/// A SentencePiece model through its own library, which also normalizes the text and replaces what
/// is not UTF-8. Documents are encoded whole; the model's end-of-sentence piece ends them.
class SentencePieceTokenizer final : public Tokenizer {
 public:
  /// Throws FileError for a file that cannot be read, ConfigError for one that is not a model or
  /// has no end-of-sentence piece.
  explicit SentencePieceTokenizer(const std::filesystem::path& path);
  ~SentencePieceTokenizer() override;

  std::string name() const override;
  int64_t vocab_size() const override;
  int32_t eot_token() const override;
  std::optional<VocabularySource> vocabulary() const override { return source_; }
  std::size_t last_cut(std::string_view) const override { return 0; }
  /// Throws FileError for texts of more than 1 GiB, which the library does not take.
  void encode(std::string_view text, std::vector<int32_t>& tokens) override;
  std::string decode(std::span<const int32_t> tokens) const override;
  std::unique_ptr<Tokenizer> clone() const override;

 private:
  SentencePieceTokenizer(const SentencePieceTokenizer& other);

  VocabularySource source_;
  std::shared_ptr<const sentencepiece::SentencePieceProcessor> model_;  // shared by clones
};

}  // namespace isoflop
