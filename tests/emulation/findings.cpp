// SPDX-License-Identifier: MIT
#include "emulation/findings.hpp"

#include <algorithm>
#include <utility>

namespace isoflop::emulation {
namespace {

std::vector<std::string>& findings() {
  static std::vector<std::string> list;
  return list;
}

}  // namespace

void add_finding(const std::string& finding) {
  std::vector<std::string>& list = findings();
  if (list.size() == kMaxFindings || std::find(list.begin(), list.end(), finding) != list.end())
    return;
  list.push_back(finding);
}

std::vector<std::string> take_findings() { return std::exchange(findings(), {}); }

}  // namespace isoflop::emulation
