// SPDX-License-Identifier: MIT
#include "core/base/letter_case.hpp"

namespace isoflop {

std::string lower_case(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = lower_case(c);
  return result;
}

std::string upper_case(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = upper_case(c);
  return result;
}

}  // namespace isoflop
