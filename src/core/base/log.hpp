// SPDX-License-Identifier: MIT
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

/// Logging of the long-running programs. Two voices: world(), what happens on every rank and rank 0
/// prints, and local(), one rank's own news, printed with rank and host. Lines go to stderr;
/// results that are a program's output go to stdout.
namespace isoflop::log {

enum class Level { debug, info, warn, error };

/// Sets who this process is; before the call it is rank 0 of 1. `level` is the least severe level
/// printed.
void configure(int rank, int world_size, Level level);

/// One already formatted line; prints on rank 0 only.
void world(Level level, std::string_view line);
/// One already formatted line; prints on every rank, prefixed with "[rank R host]" when there are
/// several.
void local(Level level, std::string_view line);

/// A line that stays below the log of rank 0, drawn again in place after each line and by each
/// call; empty: none any more. For a terminal. No line breaks.
void status(std::string_view line);

template <typename... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  world(Level::info, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
  world(Level::warn, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  world(Level::debug, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace isoflop::log
