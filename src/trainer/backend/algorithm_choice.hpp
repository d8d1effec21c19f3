// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

namespace isoflop {

/// Which of a library's algorithms compute what Ops has planned.
struct AlgorithmChoice {
  std::string table;              ///< lines for Ops::use_algorithms(); empty: there is no choice
  std::vector<std::string> news;  ///< lines for the log
};

}  // namespace isoflop
