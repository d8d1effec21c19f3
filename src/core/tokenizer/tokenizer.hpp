// SPDX-License-Identifier: MIT
#pragma once

#include "core/data/dataset_index.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace isoflop {

/// Turns text into token ids and back. An object serves one thread at a time; clones share the
/// vocabulary.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// Names the vocabulary, in dataset.yaml and where losses are compared: "bytes", "gpt2" for one
  /// of GPT-2's size, else with its checksum, as "gpt2-1a2b3c4d" or "sentencepiece-1a2b3c4d".
  virtual std::string name() const = 0;
  /// Ids are in [0, vocab_size), end of text included.
  virtual int64_t vocab_size() const = 0;
  /// Ends every document. No text is encoded to it.
  virtual int32_t eot_token() const = 0;
  /// The files that the vocabulary was read from; absent when there are none.
  virtual std::optional<VocabularySource> vocabulary() const = 0;

  /// The longest start of `text` that may be encoded without what follows: its tokens and the
  /// rest's together are those of the whole. 0 when nothing is sure.
  virtual std::size_t last_cut(std::string_view text) const = 0;
  /// Appends the tokens of `text`.
  virtual void encode(std::string_view text, std::vector<int32_t>& tokens) = 0;
  /// The text of ids in [0, vocab_size). A character may be spread over several tokens, so parts
  /// of a sequence can be parts of characters. The end-of-text token is "<|endoftext|>".
  virtual std::string decode(std::span<const int32_t> tokens) const = 0;

  virtual std::unique_ptr<Tokenizer> clone() const = 0;
};

/// Opens what --tokenizer names: "bytes", "gpt2:DIR" (vocab.json and merges.txt, or encoder.json
/// and vocab.bpe), "gpt2:FILE.tiktoken", "sentencepiece:FILE.model". Throws ConfigError for an
/// unknown name or a wrong file, FileError for one that cannot be read.
std::unique_ptr<Tokenizer> open_tokenizer(const std::string& name);

/// Opens the tokenizer of a dataset from the files that its folder keeps, and compares their
/// checksum. Throws FileError when they are missing or changed, ConfigError when the dataset has no
/// vocabulary.
std::unique_ptr<Tokenizer> open_dataset_tokenizer(const std::filesystem::path& folder,
                                                  const DatasetIndex& index);

}  // namespace isoflop
