// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <memory>

namespace isoflop {

/// What GPT-2's pattern tells apart: \p{L}, \p{N}, \s and everything else.
enum class CharClass : uint8_t { other, letter, number, space };

/// The class of every code point, a byte each.
class CharClasses {
 public:
  static constexpr char32_t kCodePoints = 0x110000;

  /// The one table there is, made at the first call.
  static const CharClasses& instance();

  /// `point` is below kCodePoints.
  CharClass operator[](char32_t point) const { return (*table_)[point]; }

 private:
  CharClasses();
  std::unique_ptr<std::array<CharClass, kCodePoints>> table_;
};

}  // namespace isoflop
