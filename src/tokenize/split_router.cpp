// SPDX-License-Identifier: MIT
#include "tokenize/split_router.hpp"

#include <span>

namespace isoflop {

SplitRouter::SplitRouter(const Holdout& holdout, SplitWriter& train, SplitWriter& val,
                         RouterState state)
    : holdout_(holdout), train_(train), val_(val), state_(state) {}

SplitWriter& SplitRouter::writer_of_open_document(int64_t file) {
  if (state_.open == OpenDocument::none) {
    const bool is_held_out = holdout_.holds_out(file, state_.n_documents++);
    state_.open = is_held_out ? OpenDocument::val : OpenDocument::train;
  }
  return state_.open == OpenDocument::val ? val_ : train_;
}

void SplitRouter::add(const EncodedBatch& batch) {
  std::span<const int32_t> tokens = batch.tokens;
  for (const EncodedPart& part : batch.parts) {
    SplitWriter& writer = writer_of_open_document(batch.file);
    const auto n_tokens = static_cast<std::size_t>(part.n_tokens);
    writer.append(tokens.first(n_tokens));
    writer.add_text_bytes(part.n_text_bytes);
    tokens = tokens.subspan(n_tokens);
    if (!part.ends_document) continue;
    writer.add_document();
    state_.open = OpenDocument::none;
  }
}

}  // namespace isoflop
