// SPDX-License-Identifier: MIT
#pragma once

#include "core/tokenizer/tokenizer.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace isoflop {

/// The text of tokens that come one by one, as soon as it is sure: a character may be spread over
/// several tokens.
class TextStream {
 public:
  /// `before` is what the text goes on from, which is not repeated.
  TextStream(const Tokenizer& tokenizer, std::vector<int32_t> before);

  /// The text that this token makes complete.
  std::string add(int32_t token);
  /// What is left: parts of a character.
  std::string finish();
  /// All of it so far.
  const std::string& text() const { return given_; }

 private:
  std::string give(std::size_t end, const std::string& all);

  const Tokenizer& tokenizer_;
  std::vector<int32_t> tokens_;
  std::size_t begin_;  // bytes of all tokens' text that come before
  std::string given_;
};

}  // namespace isoflop
