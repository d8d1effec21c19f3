// SPDX-License-Identifier: MIT
#pragma once

#include "core/tokenizer/tokenizer.hpp"
#include "tokenize/batch.hpp"

#include <memory>
#include <string>

namespace isoflop {

/// Turns batches of text into batches of tokens; one thread at a time.
class BatchEncoder {
 public:
  /// `text_field` is the key under which lines of JSON have their text.
  BatchEncoder(std::unique_ptr<Tokenizer> tokenizer, std::string text_field);

  /// Lines of JSON without the field are listed and give no document, nor do empty lines and empty
  /// texts.
  EncodedBatch encode(const TextBatch& batch);

 private:
  void encode_text(const TextBatch& batch, EncodedBatch& encoded);
  void encode_lines(const TextBatch& batch, EncodedBatch& encoded);
  void add_part(std::string_view text, bool ends_document, EncodedBatch& encoded);

  std::unique_ptr<Tokenizer> tokenizer_;
  std::string text_field_;
};

}  // namespace isoflop
