// SPDX-License-Identifier: MIT
#include "trainer/comm/slurm_nodes.hpp"

#include "core/base/error.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>

namespace isoflop {
namespace {

constexpr int64_t kMaxNodes = 1 << 20;

struct ListReader {
  std::string_view list;

  [[noreturn]] void fail(std::string_view part) const {
    throw FileError(
        fmt::format("the Slurm node list '{}' is not understood (at '{}'); name rank 0's node in "
                    "MASTER_ADDR instead",
                    list, part));
  }

  int64_t number(std::string_view digits) const {
    int64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (digits.empty() || error != std::errc() || end != digits.data() + digits.size())
      fail(digits);
    return value;
  }

  /// Pieces between commas that are outside of brackets.
  std::vector<std::string_view> split(std::string_view text) const {
    std::vector<std::string_view> pieces;
    std::size_t begin = 0;
    bool in_bracket = false;
    for (std::size_t i = 0; i <= text.size(); ++i) {
      if (i < text.size() && (text[i] == '[') != (text[i] == ']')) {
        if (in_bracket == (text[i] == '[')) fail(text);
        in_bracket = !in_bracket;
      }
      if (i < text.size() && (in_bracket || text[i] != ',')) continue;
      if (i == begin) fail(text);
      pieces.push_back(text.substr(begin, i - begin));
      begin = i + 1;
    }
    if (in_bracket) fail(text);
    return pieces;
  }

  /// "7" or "08-11": as many digits as the first number has.
  void append_range(std::string_view range, std::vector<std::string>& numbers) const {
    const std::size_t dash = range.find('-');
    const std::string_view first = range.substr(0, dash);
    const std::string_view last = dash == std::string_view::npos ? first : range.substr(dash + 1);
    const int64_t begin = number(first);
    const int64_t end = number(last);
    if (end < begin || end - begin >= kMaxNodes) fail(range);
    for (int64_t i = begin; i <= end; ++i)
      numbers.push_back(fmt::format("{:0{}}", i, first.size()));
  }

  /// Every name of "gpu[01-03]r[1-2]".
  std::vector<std::string> names(std::string_view pattern) const {
    const std::size_t open = pattern.find('[');
    if (open == std::string_view::npos) return {std::string(pattern)};
    const std::size_t close = pattern.find(']', open);
    std::vector<std::string> numbers;
    for (const std::string_view range : split(pattern.substr(open + 1, close - open - 1)))
      append_range(range, numbers);
    std::vector<std::string> result;
    for (const std::string& text : numbers)
      for (const std::string& rest : names(pattern.substr(close + 1)))
        result.push_back(std::string(pattern.substr(0, open)) + text + rest);
    return result;
  }
};

}  // namespace

std::vector<std::string> expand_node_list(std::string_view list) {
  const ListReader reader{list};
  std::vector<std::string> nodes;
  for (const std::string_view pattern : reader.split(list))
    for (std::string& name : reader.names(pattern)) nodes.push_back(std::move(name));
  return nodes;
}

}  // namespace isoflop
