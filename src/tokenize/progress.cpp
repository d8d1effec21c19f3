// SPDX-License-Identifier: MIT
#include "tokenize/progress.hpp"

#include "core/base/format.hpp"
#include "core/base/log.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <unistd.h>

namespace isoflop {
namespace {

constexpr std::chrono::milliseconds kTerminalInterval{500};
constexpr std::chrono::seconds kLogInterval{10};

}  // namespace

Progress::Progress(int64_t n_bytes_total, int64_t n_bytes_done)
    : n_bytes_total_(n_bytes_total),
      n_bytes_before_(n_bytes_done),
      on_terminal_(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() { clear(); }

void Progress::clear() {
  if (has_line_) fmt::print(stderr, "\r\033[K");
  has_line_ = false;
}

void Progress::update(int64_t n_bytes, int64_t n_tokens) {
  n_tokens_ += n_tokens;
  const Clock::time_point now = Clock::now();
  if (now - last_ < (on_terminal_ ? Clock::duration(kTerminalInterval) : kLogInterval)) return;
  last_ = now;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const std::string line =
      progress_line(n_bytes, n_bytes_total_, n_bytes_before_, n_tokens_, seconds);
  if (!on_terminal_) return log::info("{}", line);
  fmt::print(stderr, "\r{}\033[K", line);
  std::fflush(stderr);
  has_line_ = true;
}

std::string progress_line(int64_t n_bytes, int64_t n_bytes_total, int64_t n_bytes_before,
                          int64_t n_tokens, double seconds) {
  const double done = static_cast<double>(n_bytes - n_bytes_before);
  const double left = static_cast<double>(n_bytes_total - n_bytes);
  std::string line = fmt::format(
      "{} of {} ({}), {:.1f} MB/s, {} tokens/s", format_bytes(n_bytes), format_bytes(n_bytes_total),
      format_percent(static_cast<double>(n_bytes) / static_cast<double>(n_bytes_total)),
      done / 1e6 / seconds, format_count(static_cast<double>(n_tokens) / seconds));
  if (done > 0) line += fmt::format(", {} left", format_duration(seconds * left / done));
  return line;
}

}  // namespace isoflop
