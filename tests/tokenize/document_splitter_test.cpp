// SPDX-License-Identifier: MIT
#include "tokenize/document_splitter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace isoflop {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// The documents of one file fed in chunks of `chunk_bytes`.
std::vector<std::string> split(DocumentRule rule, const std::string& text, std::size_t chunk_bytes,
                               const std::string& separator = "") {
  std::vector<std::string> documents;
  std::string open;
  DocumentSplitter splitter(rule, separator,
                            {.text = [&](std::string_view piece) { open += piece; },
                             .end = [&] { documents.push_back(std::exchange(open, {})); }});
  for (std::size_t at = 0; at < text.size(); at += chunk_bytes)
    splitter.feed(std::string_view(text).substr(at, chunk_bytes));
  splitter.finish();
  EXPECT_EQ(open, "") << "text after the last end";
  return documents;
}

/// The same for every size of chunk, checked to make no difference.
std::vector<std::string> documents_of(DocumentRule rule, const std::string& text,
                                      const std::string& separator = "") {
  const std::vector<std::string> whole = split(rule, text, text.size() + 1, separator);
  for (std::size_t chunk_bytes = 1; chunk_bytes < text.size(); ++chunk_bytes)
    EXPECT_EQ(split(rule, text, chunk_bytes, separator), whole) << "chunks of " << chunk_bytes;
  return whole;
}

TEST(DocumentSplitter, a_file_is_one_document_byte_for_byte) {
  EXPECT_THAT(documents_of(DocumentRule::file, "a\r\n\n\nb"), ElementsAre("a\r\n\n\nb"));
  EXPECT_THAT(documents_of(DocumentRule::file, ""), IsEmpty());
}

TEST(DocumentSplitter, empty_lines_end_a_paragraph) {
  EXPECT_THAT(documents_of(DocumentRule::paragraph, "\n\na\nb\n\n\nc\n"),
              ElementsAre("a\nb\n", "c\n"));
  EXPECT_THAT(documents_of(DocumentRule::paragraph, "a\n\nb\n\n"), ElementsAre("a\n", "b\n"));
  EXPECT_THAT(documents_of(DocumentRule::paragraph, "\n\n\n"), IsEmpty());
}

TEST(DocumentSplitter, an_indented_line_continues_the_paragraph) {
  EXPECT_THAT(documents_of(DocumentRule::paragraph, "Bath\n   1. x\n\n\n   2. y\n\n\tz\n\nBathe\n"),
              ElementsAre("Bath\n   1. x\n\n\n   2. y\n\n\tz\n", "Bathe\n"));
}

TEST(DocumentSplitter, a_line_of_spaces_is_not_empty) {
  EXPECT_THAT(documents_of(DocumentRule::paragraph, "a\n  \nb\n"), ElementsAre("a\n  \nb\n"));
}

TEST(DocumentSplitter, each_line_is_a_document) {
  EXPECT_THAT(documents_of(DocumentRule::line, "a\n\nbc\nd"), ElementsAre("a", "bc", "d"));
}

TEST(DocumentSplitter, a_separating_line_is_dropped) {
  EXPECT_THAT(documents_of(DocumentRule::separator, "a\n<end>\n<end>\n\nb\n<end>", "<end>"),
              ElementsAre("a\n", "\nb\n"));
}

TEST(DocumentSplitter, a_line_that_only_starts_or_ends_like_the_separator_is_text) {
  EXPECT_THAT(documents_of(DocumentRule::separator, "<end\n<end>x\n <end>\n<e", "<end>"),
              ElementsAre("<end\n<end>x\n <end>\n<e"));
}

TEST(DocumentSplitter, windows_line_ends_are_read_as_newlines) {
  EXPECT_THAT(documents_of(DocumentRule::paragraph, "a\r\n\r\nb\rc\r\n\r\r\n"),
              ElementsAre("a\n", "b\rc\n\r\n"));
  EXPECT_THAT(documents_of(DocumentRule::line, "a\r\nb\r"), ElementsAre("a", "b\r"));
  EXPECT_THAT(documents_of(DocumentRule::separator, "a\r\n--\r\nb", "--"), ElementsAre("a\n", "b"));
}

TEST(DocumentSplitter, a_file_ends_its_last_document) {
  std::vector<std::string> documents;
  std::string open;
  DocumentSplitter splitter(DocumentRule::paragraph, "",
                            {.text = [&](std::string_view piece) { open += piece; },
                             .end = [&] { documents.push_back(std::exchange(open, {})); }});
  for (const std::string file : {"a\n\n", "", "  b", "c"}) {
    splitter.feed(file);
    splitter.finish();
  }
  EXPECT_THAT(documents, ElementsAre("a\n", "  b", "c"));
}

}  // namespace
}  // namespace isoflop
