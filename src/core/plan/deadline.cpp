// SPDX-License-Identifier: MIT
#include "core/plan/deadline.hpp"

#include "core/base/error.hpp"
#include "core/base/format.hpp"
#include "core/plan/config_values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>

namespace isoflop {
namespace {

constexpr std::string_view kSlurm = "slurm";
constexpr int64_t kMaxHours = 24 * 366 * 100;

/// Numbers of a text in the form of `pattern`, where each run of 'd' stands for as many digits.
template <std::size_t N>
std::optional<std::array<int64_t, N>> parse_fields(std::string_view text,
                                                   std::string_view pattern) {
  if (text.size() != pattern.size()) return std::nullopt;
  std::array<int64_t, N> fields{};
  std::size_t n = 0;
  for (std::size_t i = 0; i < pattern.size();) {
    if (pattern[i] != 'd') {
      if (text[i] != pattern[i]) return std::nullopt;
      ++i;
      continue;
    }
    const std::size_t end = std::min(pattern.find_first_not_of('d', i), pattern.size());
    const std::optional<int64_t> value = parse_digits(text.substr(i, end - i));
    if (!value) return std::nullopt;
    fields.at(n++) = *value;
    i = end;
  }
  return fields;
}

std::optional<int64_t> clock_seconds(int64_t hours, int64_t minutes, int64_t seconds) {
  if (hours > kMaxHours || minutes >= 60 || seconds >= 60) return std::nullopt;
  return (hours * 60 + minutes) * 60 + seconds;
}

/// Unix time of "2026-11-22T06:00:00Z".
std::optional<int64_t> parse_utc(std::string_view text) {
  const auto fields = parse_fields<6>(text, "dddd-dd-ddTdd:dd:ddZ");
  if (!fields) return std::nullopt;
  const auto [year, month, day, hours, minutes, seconds] = *fields;
  const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(year)),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day)));
  const std::optional<int64_t> clock = clock_seconds(hours, minutes, seconds);
  if (!date.ok() || !clock || hours >= 24) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch().count() * int64_t{86400} + *clock;
}

/// Seconds of "HH:MM:SS", the hours of any number of digits.
std::optional<int64_t> parse_clock(std::string_view text) {
  const std::size_t hours_end = text.find(':');
  if (hours_end == std::string_view::npos) return std::nullopt;
  const std::optional<int64_t> hours = parse_digits(text.substr(0, hours_end));
  const auto rest = parse_fields<2>(text.substr(hours_end), ":dd:dd");
  return hours && rest ? clock_seconds(*hours, (*rest)[0], (*rest)[1]) : std::nullopt;
}

std::optional<Deadline> parse_deadline(std::string_view text) {
  using Kind = Deadline::Kind;
  if (text == kSlurm) return Deadline{Kind::slurm_job_end, 0};
  const bool relative = text.starts_with('+');
  const std::optional<int64_t> seconds = relative ? parse_clock(text.substr(1)) : parse_utc(text);
  if (!seconds) return std::nullopt;
  return Deadline{relative ? Kind::after_start : Kind::at, *seconds};
}

int64_t slurm_end_time(const std::optional<std::string>& text) {
  if (!text)
    throw ConfigError(
        "schedule.deadline is 'slurm' (SLURM_JOB_END_TIME is not set: this is no Slurm job, or its "
        "Slurm does not tell); start with sbatch, or give a time, such as 2026-11-22T06:00:00Z or "
        "+01:30:00");
  const std::optional<int64_t> seconds = parse_digits(*text);
  if (!seconds)
    throw ConfigError(fmt::format(
        "schedule.deadline is 'slurm' (SLURM_JOB_END_TIME is '{}', not Unix seconds); give a time, "
        "such as 2026-11-22T06:00:00Z or +01:30:00",
        *text));
  return *seconds;
}

}  // namespace

Deadline read_deadline(const ConfigNode& node) {
  const std::optional<Deadline> deadline = parse_deadline(node.as<std::string>());
  if (!deadline)
    node.fail(
        "is no time",
        "write UTC as 2026-11-22T06:00:00Z, +HH:MM:SS from the start of the run, or slurm for "
        "the end of the job");
  if (deadline->kind == Deadline::Kind::after_start && deadline->seconds == 0)
    node.fail("must be above zero");
  return *deadline;
}

std::string to_string(const Deadline& deadline) {
  switch (deadline.kind) {
    case Deadline::Kind::at:
      return utc_timestamp(deadline.seconds);
    case Deadline::Kind::after_start:
      return fmt::format("+{:02}:{:02}:{:02}", deadline.seconds / 3600, deadline.seconds / 60 % 60,
                         deadline.seconds % 60);
    case Deadline::Kind::slurm_job_end:
      break;
  }
  return std::string(kSlurm);
}

double resolve(const Deadline& deadline, double start_s,
               const std::optional<std::string>& slurm_job_end) {
  if (deadline.kind == Deadline::Kind::after_start)
    return start_s + static_cast<double>(deadline.seconds);
  const auto end_s = static_cast<double>(deadline.kind == Deadline::Kind::slurm_job_end
                                             ? slurm_end_time(slurm_job_end)
                                             : deadline.seconds);
  if (end_s > start_s) return end_s;
  throw ConfigError(fmt::format("schedule.deadline is '{}' (it was over {} ago); give a later one",
                                to_string(deadline), format_duration(start_s - end_s)));
}

}  // namespace isoflop
