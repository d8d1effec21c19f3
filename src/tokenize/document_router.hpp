// SPDX-License-Identifier: MIT
#pragma once

#include "tokenize/document_splitter.hpp"
#include "tokenize/holdout.hpp"
#include "tokenize/split_writer.hpp"
#include "tokenize/tokenizer.hpp"

#include <cstdint>
#include <string_view>
#include <vector>

namespace isoflop {

/// Encodes documents as they come and sends each to training or validation.
class DocumentRouter {
 public:
  /// All must outlive the router.
  DocumentRouter(Tokenizer& tokenizer, const Holdout& holdout, SplitWriter& train,
                 SplitWriter& val);

  DocumentHandler handler();
  /// The number of the file that the documents to come are from.
  void start_file(int64_t number) { file_ = number; }
  /// Hands the last tokens to their split.
  void finish() { flush(); }

 private:
  void add_text(std::string_view text);
  void add_to_document(std::string_view text);
  void end_document();
  void start_document();
  void flush();

  Tokenizer& tokenizer_;
  const Holdout& holdout_;
  SplitWriter& train_;
  SplitWriter& val_;
  SplitWriter* current_ = nullptr;   // of the open document; null between documents
  SplitWriter* buffered_ = nullptr;  // whose tokens the buffer holds
  std::vector<int32_t> buffer_;
  int64_t file_ = 0;
  int64_t document_ = 0;
  int64_t tail_left_;  // bytes until the tail of the one document starts
  bool in_tail_ = false;
};

}  // namespace isoflop
