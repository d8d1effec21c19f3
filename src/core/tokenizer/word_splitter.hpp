// SPDX-License-Identifier: MIT
#pragma once

#include "core/tokenizer/char_class.hpp"

#include <cstddef>
#include <string_view>

namespace isoflop {

/// Cuts text into the words of GPT-2, within which bytes are merged. They are the matches of
///
///     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
///
/// (openai/gpt-2, src/encoder.py), one after another without gaps.
class WordSplitter {
 public:
  /// The end of the word that starts at `start`, which is below text.size(). The text is valid
  /// UTF-8.
  std::size_t word_end(std::string_view text, std::size_t start) const;

  /// The last place in `text` where a word ends whatever follows the text and whatever bytes (valid
  /// UTF-8 or not) it holds: before white space of ASCII that follows a character other than white
  /// space. 0 when there is none.
  std::size_t last_sure_end(std::string_view text) const;

 private:
  std::size_t end_of_run(std::string_view text, std::size_t at, CharClass kind) const;
  std::size_t end_of_spaces(std::string_view text, std::size_t start) const;
  CharClass class_at(std::string_view text, std::size_t at) const;

  const CharClasses& classes_ = CharClasses::instance();
};

}  // namespace isoflop
