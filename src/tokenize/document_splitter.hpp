// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace isoflop {

/// What ends a document besides the end of its file.
enum class DocumentRule {
  file,       ///< nothing
  paragraph,  ///< empty lines, unless the next line is indented (a space or tab)
  line,       ///< the end of a line
  separator,  ///< a line that equals a given text
};

/// Receives the documents: pieces of text, then the end of each. Documents without text are not
/// reported.
struct DocumentHandler {
  std::function<void(std::string_view)> text;
  std::function<void()> end;
};

/// Cuts one file's text, given chunk by chunk, into documents in constant memory; where chunks are
/// cut makes no difference. Except under `file`, "\r\n" is read as "\n"; what separates documents
/// (empty lines, the newline of `line`, the separating line) is dropped.
class DocumentSplitter {
 public:
  /// `separator` is used by DocumentRule::separator alone.
  DocumentSplitter(DocumentRule rule, std::string separator, DocumentHandler handler);

  void feed(std::string_view chunk);
  /// The end of the file. The splitter may then be fed the next file.
  void finish();

 private:
  void feed_lines(std::string_view text);
  void feed_part_of_line(std::string_view part);
  void end_line();
  void release_empty_lines(bool next_is_indented);
  void hold_while_separator(std::string_view part);
  void release_held_line();
  void emit(std::string_view text);
  void end_document();

  DocumentRule rule_;
  std::string separator_;
  DocumentHandler handler_;
  bool in_document_ = false;      // text was emitted since the last end
  bool line_has_text_ = false;    // of the line being read
  bool held_return_ = false;      // the last chunk ended in '\r'
  int64_t held_empty_lines_ = 0;  // that end a paragraph unless the next line is indented
  std::string held_line_;         // start of a line that may turn out to be the separator
  bool line_is_held_ = true;      // false once the line differs from the separator
};

}  // namespace isoflop
