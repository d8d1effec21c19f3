// SPDX-License-Identifier: MIT
#include "tokenize/document_router.hpp"

#include <algorithm>
#include <limits>

namespace isoflop {
namespace {

constexpr std::size_t kBufferTokens = std::size_t{1} << 16;

}  // namespace

DocumentRouter::DocumentRouter(Tokenizer& tokenizer, const Holdout& holdout, SplitWriter& train,
                               SplitWriter& val)
    : tokenizer_(tokenizer),
      holdout_(holdout),
      train_(train),
      val_(val),
      tail_left_(holdout.tail_start().value_or(std::numeric_limits<int64_t>::max())) {}

DocumentHandler DocumentRouter::handler() {
  return {.text = [this](std::string_view text) { add_text(text); },
          .end = [this] { end_document(); }};
}

/// Cuts the document where the tail that is held out starts.
void DocumentRouter::add_text(std::string_view text) {
  const auto before_tail =
      static_cast<std::size_t>(std::min<int64_t>(tail_left_, static_cast<int64_t>(text.size())));
  tail_left_ -= static_cast<int64_t>(before_tail);
  if (before_tail > 0) add_to_document(text.substr(0, before_tail));
  if (before_tail == text.size()) return;
  if (!in_tail_ && current_ != nullptr) end_document();
  in_tail_ = true;
  add_to_document(text.substr(before_tail));
}

void DocumentRouter::add_to_document(std::string_view text) {
  if (current_ == nullptr) start_document();
  tokenizer_.encode(text, buffer_);
  current_->add_text_bytes(static_cast<int64_t>(text.size()));
  if (buffer_.size() >= kBufferTokens) flush();
}

void DocumentRouter::start_document() {
  current_ = in_tail_ || holdout_.holds_out(file_, document_) ? &val_ : &train_;
  if (current_ != buffered_) flush();
  buffered_ = current_;
  ++document_;
}

void DocumentRouter::end_document() {
  tokenizer_.end_document(buffer_);
  current_->add_document();
  current_ = nullptr;
}

void DocumentRouter::flush() {
  if (buffered_ != nullptr) buffered_->append(buffer_);
  buffer_.clear();
}

}  // namespace isoflop
