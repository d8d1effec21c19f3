// SPDX-License-Identifier: MIT
#include "report/follow.hpp"

#include "core/base/format.hpp"
#include "core/base/terminal.hpp"
#include "core/run/settled_steps.hpp"
#include "report/sparkline.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <limits>
#include <optional>
#include <regex>
#include <thread>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPaceSteps = 101;  // of which the time left takes the median

std::vector<StepRecord> steps_of(const TrainingRun& run) {
  std::vector<StepRecord> steps;
  for (const RunFile& segment : run.segments)
    steps.insert(steps.end(), segment.steps.begin(), segment.steps.end());
  return steps;
}

/// One value a step; not a number where it was not recorded.
std::vector<double> column_of(const std::vector<StepRecord>& steps,
                              std::optional<float> StepRecord::*column) {
  std::vector<double> values;
  for (const StepRecord& step : steps)
    values.push_back((step.*column).value_or(std::numeric_limits<float>::quiet_NaN()));
  return values;
}

std::string describe_place(const TrainingRun& run, const std::vector<StepRecord>& steps,
                           double now_s) {
  const int64_t target = run.last().header.config.steps_target;
  const int64_t step = steps.empty() ? 0 : steps.back().step;
  std::string text = fmt::format("{}  {}, step {}", run.name, to_string(run.last().state),
                                 format_grouped(step));
  if (target > 0)
    text += fmt::format(" of {} ({})", format_grouped(target),
                        format_percent(static_cast<double>(step) / static_cast<double>(target)));
  if (steps.empty()) return text;
  const auto step_s = recent_step_s(steps, kPaceSteps);
  const bool is_running = run.last().state == RunState::running;
  if (step_s && is_running && step < target)
    text += fmt::format("; about {} left",
                        format_duration(*step_s * static_cast<double>(target - step)));
  if (is_running)
    text += fmt::format("; last step {} ago",
                        format_duration(std::max(0.0, now_s - steps.back().time)));
  return text;
}

/// "label  value  curve", the curve in what is left of the columns.
std::string curve_line(const std::string& label, const std::string& value,
                       const std::vector<double>& values, int columns) {
  const std::string front = fmt::format("  {:<5} {:>9}  ", label, value);
  const int width = columns - 1 - static_cast<int>(front.size());
  return front + sparkline(values, static_cast<std::size_t>(std::max(width, 0)));
}

std::string last_finite(const std::vector<double>& values, double scale, const char* unit,
                        int decimals) {
  for (auto value = values.rbegin(); value != values.rend(); ++value)
    if (std::isfinite(*value)) return fmt::format("{:.{}f}{}", scale * *value, decimals, unit);
  return "-";
}

/// Characters, not bytes, beyond the columns go; ASCII alone.
std::string cut(const std::string& text, int columns) {
  return text.substr(0, static_cast<std::size_t>(std::max(columns - 1, 0)));
}

/// Absent while there is nothing to see: a run that has just begun.
std::optional<TrainingRun> look_at(const fs::path& file) {
  RunSet set = load_runs(files_of_run(file));
  if (!set.runs.empty()) return std::move(set.runs.back());
  if (set.skipped.empty() || !fs::exists(file) || fs::file_size(file) > 0)
    throw FileError(set.skipped.empty() ? file.string() : set.skipped.front());
  return std::nullopt;
}

}  // namespace

std::vector<fs::path> files_of_run(const fs::path& file) {
  static const std::regex segment_name(R"((.*)\.s\d+\.h5)");
  std::smatch name;
  const std::string given = file.filename().string();
  if (!std::regex_match(given, name, segment_name)) return {file};
  const std::string run = name[1];
  const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  std::vector<fs::path> files;
  std::error_code ignored;  // a folder that is not there has no files either
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string other = entry.path().filename().string();
    if (std::regex_match(other, name, segment_name) && name[1] == run)
      files.push_back(file.has_parent_path() ? entry.path() : entry.path().filename());
  }
  if (files.empty()) return {file};
  std::sort(files.begin(), files.end());
  return files;
}

std::string follow_text(const TrainingRun& run, double now_s, int columns) {
  const std::vector<StepRecord> steps = steps_of(run);
  const std::vector<double> loss = column_of(steps, &StepRecord::loss);
  const std::vector<double> mfu = column_of(steps, &StepRecord::mfu);
  return cut(describe_place(run, steps, now_s), columns) + "\n" +
         curve_line("loss", last_finite(loss, 1, "", 4), loss, columns) + "\n" +
         curve_line("MFU", last_finite(mfu, 100, " %", 1), mfu, columns) + "\n";
}

ExitCode follow_run(const fs::path& file, const FollowOptions& options) {
  const bool again = !options.once && can_redraw(stdout);
  bool drawn = false;
  while (true) {
    const auto run = look_at(file);
    if (run) {
      // Three lines up, each cleared to its end: drawn in place.
      std::string text = follow_text(*run, static_cast<double>(std::time(nullptr)),
                                     again ? terminal_columns(stdout) : 100);
      if (drawn) fmt::print("\x1b[3A");
      for (std::size_t at = text.find('\n'); again && at != std::string::npos;
           at = text.find('\n', at + 4))
        text.insert(at, "\x1b[K");
      fmt::print("{}", text);
      std::fflush(stdout);
      drawn = again;
    }
    if (!again || (run && run->last().state != RunState::running)) return ExitCode::kSuccess;
    std::this_thread::sleep_for(std::chrono::duration<double>(options.every_s));
  }
}

}  // namespace isoflop
