// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <functional>
#include <string>

namespace isoflop {

/// How a try in a child process ended.
struct GuardedOutcome {
  enum class Kind { finished, crashed, timed_out };
  Kind kind = Kind::finished;
  std::string output;  ///< what `attempt` returned (at most 4096 bytes)
};

/// Runs `attempt` in a forked child that is killed after `limit`, so that a crash or an endless
/// loop inside a library does not reach this process. Throws FileError when no process can be
/// started.
GuardedOutcome run_guarded(const std::function<std::string()>& attempt, std::chrono::seconds limit);

}  // namespace isoflop
