// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/error.hpp"
#include "report/report.hpp"

#include <fmt/format.h>

#include <map>
#include <string>

namespace isoflop {

/// The value of an option's word. Throws ConfigError that lists the words there are.
template <typename Value>
Value choose(const char* option, const std::map<std::string, Value>& choices,
             const std::string& word) {
  const auto found = choices.find(word);
  if (found != choices.end()) return found->second;
  std::string allowed;
  for (const auto& choice : choices) allowed += (allowed.empty() ? "" : ", ") + choice.first;
  throw ConfigError(
      fmt::format("{} is '{}' (must be one of {}); see report --help", option, word, allowed));
}

inline const std::map<std::string, ReportFormat>& report_formats() {
  static const std::map<std::string, ReportFormat> formats{{"text", ReportFormat::text},
                                                           {"md", ReportFormat::markdown},
                                                           {"csv", ReportFormat::csv},
                                                           {"json", ReportFormat::json}};
  return formats;
}

}  // namespace isoflop
