// SPDX-License-Identifier: MIT
#include "core/tokenizer/char_class.hpp"

#include "core/tokenizer/unicode_ranges.hpp"

#include <algorithm>

namespace isoflop {

CharClasses::CharClasses() : table_(std::make_unique<std::array<CharClass, kCodePoints>>()) {
  const auto mark = [this](std::span<const CodePointRange> ranges, CharClass kind) {
    for (const CodePointRange& range : ranges)
      std::fill(table_->begin() + range.first, table_->begin() + range.last + 1, kind);
  };
  mark(letter_ranges(), CharClass::letter);
  mark(number_ranges(), CharClass::number);
  mark(space_ranges(), CharClass::space);
}

const CharClasses& CharClasses::instance() {
  static const CharClasses classes;
  return classes;
}

}  // namespace isoflop
