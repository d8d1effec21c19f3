// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <sys/types.h>

namespace isoflop {

/// How a try in a child process ended.
struct GuardedOutcome {
  enum class Kind { finished, crashed, timed_out };
  Kind kind = Kind::finished;
  std::string output;  ///< what `attempt` returned (at most 4096 bytes)
};

/// Tries items 0, 1, ... in a forked child, each for at most its time limit, so that a crash or an
/// endless loop inside a library does not reach this process. The child runs ahead of next(), on
/// another core where there is one; a further child goes on behind an item that ended it.
class GuardedSequence {
 public:
  using Attempt = std::function<std::string(std::size_t item)>;
  using Limit = std::function<std::chrono::seconds(std::size_t item)>;

  /// Both functions run in the child.
  GuardedSequence(std::size_t n_item, Attempt attempt, Limit limit)
      : n_item_(n_item), attempt_(std::move(attempt)), limit_(std::move(limit)) {}
  GuardedSequence(const GuardedSequence&) = delete;
  GuardedSequence& operator=(const GuardedSequence&) = delete;
  /// Ends the child.
  ~GuardedSequence();

  /// The outcome of the next item, of which there must be one. Throws FileError when no process can
  /// be started.
  GuardedOutcome next();

 private:
  void start_child();
  /// Waits for it; returns its status.
  int end_child();

  std::size_t n_item_;
  Attempt attempt_;
  Limit limit_;
  std::size_t next_ = 0;
  pid_t child_ = 0;  ///< 0: none
  int pipe_ = -1;
};

/// A sequence of one.
GuardedOutcome run_guarded(const std::function<std::string()>& attempt, std::chrono::seconds limit);

}  // namespace isoflop
