// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace isoflop {

/// Lines of a report: a column of labels, and beside each its text, wrapped between words so that a
/// line of the log fits into 100 columns.
class LabelledText {
 public:
  /// A new entry.
  void add(std::string_view label, const std::string& text);
  /// Another text of the last entry, on a line of its own.
  void more(const std::string& text) { add("", text); }

  const std::vector<std::string>& lines() const { return lines_; }

 private:
  std::vector<std::string> lines_;
};

}  // namespace isoflop
