// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace isoflop {

/// Turns documents, given piece by piece, into token ids.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// As given to --tokenizer and kept in dataset.yaml.
  virtual std::string name() const = 0;
  /// Ids are in [0, vocab_size), end of text included.
  virtual int64_t vocab_size() const = 0;
  virtual int32_t eot_token() const = 0;

  /// Appends the tokens of the document's next piece. Pieces may be cut anywhere; tokens that
  /// depend on text still to come are held back.
  virtual void encode(std::string_view piece, std::vector<int32_t>& tokens) = 0;
  /// Appends what was held back and the end-of-text token.
  virtual void end_document(std::vector<int32_t>& tokens) = 0;
};

/// Throws ConfigError for an unknown name.
std::unique_ptr<Tokenizer> make_tokenizer(const std::string& name);

}  // namespace isoflop
