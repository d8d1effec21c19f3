// SPDX-License-Identifier: MIT
#include "tokenize/batch_encoder.hpp"

#include "core/base/json_read.hpp"

#include <algorithm>
#include <utility>

namespace isoflop {

BatchEncoder::BatchEncoder(std::unique_ptr<Tokenizer> tokenizer, std::string text_field)
    : tokenizer_(std::move(tokenizer)), text_field_(std::move(text_field)) {}

EncodedBatch BatchEncoder::encode(const TextBatch& batch) {
  EncodedBatch encoded{.next = batch.next,
                       .file = batch.file,
                       .tokens = {},
                       .parts = {},
                       .bad_lines = {},
                       .n_file_bytes = batch.n_file_bytes,
                       .n_stored_bytes = batch.n_stored_bytes};
  if (batch.format == InputFormat::json_lines) {
    encode_lines(batch, encoded);
  } else {
    encode_text(batch, encoded);
  }
  return encoded;
}

void BatchEncoder::encode_text(const TextBatch& batch, EncodedBatch& encoded) {
  std::string_view text = batch.text;
  for (const DocumentPart& part : batch.parts) {
    const auto n_bytes = static_cast<std::size_t>(part.n_bytes);
    add_part(text.substr(0, n_bytes), part.ends_document, encoded);
    text.remove_prefix(n_bytes);
  }
}

void BatchEncoder::encode_lines(const TextBatch& batch, EncodedBatch& encoded) {
  std::string_view text = batch.text;
  for (int64_t number = batch.first_line; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    JsonText found = read_json_text(line, text_field_);
    if (!found.problem.empty()) {
      encoded.bad_lines.push_back({number, std::move(found.problem)});
    } else if (!found.text.empty()) {
      add_part(found.text, true, encoded);
    }
  }
}

void BatchEncoder::add_part(std::string_view text, bool ends_document, EncodedBatch& encoded) {
  const std::size_t first = encoded.tokens.size();
  if (!text.empty()) tokenizer_->encode(text, encoded.tokens);
  if (ends_document) encoded.tokens.push_back(tokenizer_->eot_token());
  encoded.parts.push_back({.n_tokens = static_cast<int64_t>(encoded.tokens.size() - first),
                           .n_text_bytes = static_cast<int64_t>(text.size()),
                           .ends_document = ends_document});
}

}  // namespace isoflop
