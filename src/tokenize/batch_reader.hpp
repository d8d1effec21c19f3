// SPDX-License-Identifier: MIT
#pragma once

#include "core/tokenizer/tokenizer.hpp"
#include "tokenize/batch.hpp"
#include "tokenize/document_splitter.hpp"
#include "tokenize/input_files.hpp"
#include "tokenize/text_source.hpp"

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

namespace isoflop {

struct ReadingRule {
  DocumentRule documents = DocumentRule::file;
  std::string separator;              ///< of DocumentRule::separator
  std::optional<int64_t> tail_start;  ///< the first document is cut into two behind so many bytes
  std::size_t batch_bytes = std::size_t{1} << 20;
};

/// Reads the inputs as a row of batches of about `batch_bytes` of text, each of one file. The same
/// inputs give the same batches. A document is spread over several batches where the tokenizer
/// allows a cut.
class BatchReader {
 public:
  /// All must outlive the reader. Reads from `place` on: the text of its file before that is read
  /// and dropped.
  BatchReader(const InputFiles& inputs, const ReadingRule& rule, const Tokenizer& tokenizer,
              InputPlace place = {});

  /// Absent at the end. Throws FileError for a file that cannot be read.
  std::optional<TextBatch> next();

 private:
  void read_chunk();
  void end_file();
  void feed_lines(std::string_view chunk);
  void add_text(std::string_view text);
  void append(std::string_view text);
  void end_document();
  void cut_open_document();
  void emit();

  const InputFiles& inputs_;
  const ReadingRule rule_;
  const Tokenizer& tokenizer_;
  InputPlace place_;  // of the batch being filled
  InputPlace first_;  // batches before it are dropped
  std::optional<TextSource> source_;
  DocumentSplitter splitter_;
  std::deque<TextBatch> ready_;
  TextBatch batch_;               // being filled
  std::size_t open_from_ = 0;     // in its text: the first byte that is in no part yet
  std::size_t no_cut_below_ = 0;  // sizes of the open part below are not tried for a cut
  bool in_document_ = false;      // parts of the open document were emitted
  int64_t next_line_ = 1;
  int64_t n_unread_bytes_ = 0;   // of the file, read and not yet in a batch
  int64_t n_stored_before_ = 0;  // in files before this one
  int64_t n_tail_left_;          // bytes until the cut of tail_start
  int n_moved_ = 0;              // bytes by which that cut was moved to the end of a character
  bool in_tail_ = false;
};

}  // namespace isoflop
