// SPDX-License-Identifier: MIT
#include "trainer/console/labelled_text.hpp"

#include <fmt/format.h>

#include <sstream>

namespace isoflop {
namespace {

constexpr std::size_t kLabelWidth = 12;
/// 100 less "14:23:47 I ".
constexpr std::size_t kWidth = 89;

}  // namespace

void LabelledText::add(std::string_view label, const std::string& text) {
  std::istringstream words(text);
  std::string line = fmt::format("{:<{}}", label, kLabelWidth);
  bool is_empty = true;
  for (std::string word; words >> word; is_empty = false) {
    if (!is_empty && line.size() + 1 + word.size() > kWidth) {
      lines_.push_back(line);
      line = std::string(kLabelWidth, ' ');
      is_empty = true;
    }
    line += (is_empty ? "" : " ") + word;
  }
  lines_.push_back(line);
}

}  // namespace isoflop
