// SPDX-License-Identifier: MIT
#include "trainer/console/progress_bar.hpp"

#include "core/base/format.hpp"
#include "core/base/log.hpp"
#include "core/base/terminal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>
#include <vector>

namespace isoflop {
namespace {

constexpr double kSecondsBetweenDraws = 0.1;
constexpr int kShortestBar = 10;
constexpr int kLongestBar = 40;

/// "8 s", "1 min 12 s".
std::string whole_seconds(double seconds) {
  return seconds < 59.5 ? fmt::format("{:.0f} s", seconds) : format_duration(seconds);
}

/// What stands behind the bar, the most important first.
std::vector<std::string> parts_of(const Progress& progress) {
  const double done = static_cast<double>(progress.step) / static_cast<double>(progress.last_step);
  std::vector<std::string> parts = {
      fmt::format("{:3.0f} %", std::floor(100 * done)),
      fmt::format("{}/{}", progress.step, progress.last_step),
      std::isfinite(progress.loss) ? fmt::format("loss {:.4f}", progress.loss) : "loss not finite",
      format_count(progress.tokens_per_s) + " tok/s"};
  if (progress.mfu) parts.push_back(format_percent(*progress.mfu) + " MFU");
  if (progress.left_s) parts.push_back("ETA " + whole_seconds(*progress.left_s));
  return parts;
}

std::string bar(const Progress& progress, int width) {
  const int filled =
      static_cast<int>(progress.step * width / std::max<int64_t>(progress.last_step, 1));
  std::string text(static_cast<std::size_t>(width), ' ');
  std::fill_n(text.begin(), filled, '=');
  if (filled < width) text[static_cast<std::size_t>(filled)] = '>';
  return "[" + text + "]";
}

}  // namespace

std::string progress_text(const Progress& progress, int columns) {
  constexpr int kBrackets = 2;
  int room = columns - 1 - kBrackets - kShortestBar;
  std::string text;
  for (const std::string& part : parts_of(progress)) {
    const int width = static_cast<int>(part.size()) + 2;
    if (width > room) break;
    room -= width;
    text += "  " + part;
  }
  return bar(progress, std::clamp(kShortestBar + room, 1, kLongestBar)) + text;
}

ProgressBar::ProgressBar(const TrainConfig& config, const RunSchedule& schedule,
                         std::optional<double> deadline_s, Clock clock)
    : schedule_(schedule),
      remaining_(config, schedule),
      deadline_s_(deadline_s),
      clock_(std::move(clock)) {}

ProgressBar::~ProgressBar() { log::status(""); }

void ProgressBar::show(Progress progress, double step_s) {
  remaining_.add_step(progress.step, step_s);
  const double now = clock_();
  if (drawn_at_ && now - *drawn_at_ < kSecondsBetweenDraws) return;
  drawn_at_ = now;
  progress.last_step = schedule_.last_step();
  progress.left_s = remaining_.after(progress.step);
  if (progress.left_s && deadline_s_)
    progress.left_s = std::clamp(*deadline_s_ - system_time(), 0.0, *progress.left_s);
  log::status(progress_text(progress, terminal_columns(stderr)));
}

std::unique_ptr<ProgressBar> make_progress_bar(const TrainConfig& config,
                                               const RunSchedule& schedule,
                                               std::optional<double> deadline_s) {
  const ProgressDisplay display = config.log.progress;
  const bool wanted = display == ProgressDisplay::on ||
                      (display == ProgressDisplay::automatic && can_redraw(stderr));
  return wanted ? std::make_unique<ProgressBar>(config, schedule, deadline_s) : nullptr;
}

}  // namespace isoflop
