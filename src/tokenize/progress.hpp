// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace isoflop {

/// What a long piece of work has done so far, per second, and what is left: one line that is
/// rewritten on a terminal, a log line every ten seconds elsewhere.
class Progress {
 public:
  /// `n_bytes_total` is known beforehand; `n_bytes_done` of them were done by an earlier run.
  explicit Progress(int64_t n_bytes_total, int64_t n_bytes_done = 0);
  /// Clears the line on a terminal.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `n_bytes` are done in all, `n_tokens` more are.
  void update(int64_t n_bytes, int64_t n_tokens);
  /// Makes room for another line on a terminal; the next update writes the line again.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;

  int64_t n_bytes_total_;
  int64_t n_bytes_before_;
  int64_t n_tokens_ = 0;
  bool on_terminal_;
  bool has_line_ = false;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_ = start_;
};

/// "1.20 GiB of 5.00 GiB (24.0 %), 21.3 MB/s, 4.90 M tokens/s, 3 min 2 s left".
std::string progress_line(int64_t n_bytes, int64_t n_bytes_total, int64_t n_bytes_before,
                          int64_t n_tokens, double seconds);

}  // namespace isoflop
