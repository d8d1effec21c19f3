// SPDX-License-Identifier: MIT
#include "tokenize/document_splitter.hpp"

#include <utility>

namespace isoflop {
namespace {

/// The chunk with "\r\n" as "\n"; a '\r' at its end is held back in `held_return`.
std::string without_returns(std::string_view chunk, bool& held_return) {
  std::string text;
  text.reserve(chunk.size() + 1);
  for (const char c : chunk) {
    if (held_return && c != '\n') text.push_back('\r');
    held_return = c == '\r';
    if (!held_return) text.push_back(c);
  }
  return text;
}

}  // namespace

DocumentSplitter::DocumentSplitter(DocumentRule rule, std::string separator,
                                   DocumentHandler handler)
    : rule_(rule), separator_(std::move(separator)), handler_(std::move(handler)) {}

void DocumentSplitter::feed(std::string_view chunk) {
  if (rule_ == DocumentRule::file) return emit(chunk);
  if (!held_return_ && chunk.find('\r') == std::string_view::npos) return feed_lines(chunk);
  feed_lines(without_returns(chunk, held_return_));
}

void DocumentSplitter::finish() {
  if (std::exchange(held_return_, false)) feed_lines("\r");
  if (line_has_text_) release_held_line();
  end_document();
  line_has_text_ = false;
  held_empty_lines_ = 0;
}

void DocumentSplitter::feed_lines(std::string_view text) {
  while (!text.empty()) {
    const std::size_t newline = text.find('\n');
    const std::string_view part = text.substr(0, newline);
    if (!part.empty()) feed_part_of_line(part);
    if (newline == std::string_view::npos) return;
    end_line();
    text.remove_prefix(newline + 1);
  }
}

void DocumentSplitter::feed_part_of_line(std::string_view part) {
  if (rule_ == DocumentRule::paragraph && !line_has_text_)
    release_empty_lines(part.front() == ' ' || part.front() == '\t');
  line_has_text_ = true;
  if (rule_ == DocumentRule::separator && line_is_held_) return hold_while_separator(part);
  emit(part);
}

void DocumentSplitter::end_line() {
  const bool is_empty = !std::exchange(line_has_text_, false);
  if (rule_ == DocumentRule::line) return end_document();
  if (rule_ == DocumentRule::separator && held_line_ == separator_) return release_held_line();
  if (rule_ == DocumentRule::paragraph && is_empty) {
    held_empty_lines_ += in_document_ ? 1 : 0;
    return;
  }
  release_held_line();
  emit("\n");
}

void DocumentSplitter::release_empty_lines(bool next_is_indented) {
  if (held_empty_lines_ > 0 && !next_is_indented) end_document();
  if (!next_is_indented) held_empty_lines_ = 0;
  for (; held_empty_lines_ > 0; --held_empty_lines_) emit("\n");
}

void DocumentSplitter::hold_while_separator(std::string_view part) {
  held_line_ += part;
  line_is_held_ = separator_.starts_with(held_line_);
  if (line_is_held_) return;
  emit(held_line_);
  held_line_.clear();
}

/// A held line has ended: it is the separator and ends the document, or it is text after all.
void DocumentSplitter::release_held_line() {
  line_is_held_ = true;
  const std::string line = std::exchange(held_line_, {});
  if (line.empty()) return;
  if (line == separator_) return end_document();
  emit(line);
}

void DocumentSplitter::emit(std::string_view text) {
  if (text.empty()) return;
  in_document_ = true;
  handler_.text(text);
}

void DocumentSplitter::end_document() {
  if (std::exchange(in_document_, false)) handler_.end();
}

}  // namespace isoflop
