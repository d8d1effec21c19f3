// SPDX-License-Identifier: MIT
#include "modelled/step_profile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

namespace isoflop::test {
namespace {

using emulation::Work;
using emulation::WorkKind;

constexpr int kCompute = 0;
constexpr const char* kStreamNames[] = {"compute", "communication", "copy", "readback"};

std::string name_of(const emulation::TimelineEntry& entry) {
  switch (entry.work.kind) {
    case WorkKind::product:
      return kProducts;
    case WorkKind::attention_forward:
      return "attention forward";
    case WorkKind::attention_backward:
      return "attention backward";
    case WorkKind::set:
      return "zeroing";
    case WorkKind::copy:
      return "copies";
    default:
      return entry.name;
  }
}

using Interval = std::pair<double, double>;

/// Sorted and without overlaps.
std::vector<Interval> join(std::vector<Interval> intervals) {
  std::sort(intervals.begin(), intervals.end());
  std::vector<Interval> joined;
  for (const Interval& interval : intervals) {
    if (!joined.empty() && interval.first <= joined.back().second)
      joined.back().second = std::max(joined.back().second, interval.second);
    else
      joined.push_back(interval);
  }
  return joined;
}

double length(const std::vector<Interval>& joined) {
  double seconds = 0;
  for (const auto& [begin, end] : joined) seconds += end - begin;
  return seconds;
}

/// Of two sets without overlaps in themselves.
double common(const std::vector<Interval>& a, const std::vector<Interval>& b) {
  std::vector<Interval> both = a;
  both.insert(both.end(), b.begin(), b.end());
  return length(a) + length(b) - length(join(both));
}

/// What lies in the window of the operations that `wanted` takes, of all steps.
template <typename Wanted>
std::vector<Interval> busy(const TimedSteps& steps, const Interval& window, const Wanted& wanted) {
  std::vector<Interval> intervals;
  for (const auto& step : steps)
    for (const TimedOperation& operation : step) {
      const double begin = std::max(operation.start_s, window.first);
      const double end = std::min(operation.end_s, window.second);
      if (begin < end && wanted(*operation.entry)) intervals.emplace_back(begin, end);
    }
  return join(std::move(intervals));
}

bool is_collective(const emulation::TimelineEntry& entry) {
  return entry.work.kind == WorkKind::collective;
}

double end_on_compute(const std::vector<TimedOperation>& step) {
  double end = 0;
  for (const TimedOperation& operation : step)
    if (operation.entry->stream == kCompute) end = std::max(end, operation.end_s);
  return end;
}

std::vector<ProfileRow> rows_of(const std::vector<TimedOperation>& step, const GpuRates& rates) {
  std::map<std::pair<int, std::string>, ProfileRow> rows;
  for (const TimedOperation& operation : step) {
    const emulation::TimelineEntry& entry = *operation.entry;
    const Work& work = entry.work;
    ProfileRow& row = rows[{entry.stream, name_of(entry)}];
    row.name = name_of(entry);
    row.stream = entry.stream;
    ++row.n;
    row.seconds += operation.end_s - operation.start_s;
    row.alone_s += seconds_alone(work, rates);
    row.flops += work.flops;
    row.bytes += is_collective(entry) ? work.link_bytes : work.read_bytes + work.written_bytes;
  }
  std::vector<ProfileRow> sorted;
  for (const auto& [key, row] : rows) sorted.push_back(row);
  std::stable_sort(sorted.begin(), sorted.end(), [](const ProfileRow& a, const ProfileRow& b) {
    return std::pair(a.stream, -a.seconds) < std::pair(b.stream, -b.seconds);
  });
  return sorted;
}

}  // namespace

StepProfile profile_of(const TimedSteps& steps, const GpuRates& rates) {
  const Interval window = {end_on_compute(steps.at(steps.size() - 2)),
                           end_on_compute(steps.back())};
  const auto compute =
      busy(steps, window, [](const auto& entry) { return entry.stream == kCompute; });
  const auto collectives = busy(steps, window, is_collective);
  StepProfile profile{.step_s = window.second - window.first, .rows = rows_of(steps.back(), rates)};
  profile.collectives_s = length(collectives);
  profile.idle_beside_collective_s = profile.collectives_s - common(compute, collectives);
  profile.idle_s = profile.step_s - length(compute) - profile.idle_beside_collective_s;
  return profile;
}

std::string to_text(const StepProfile& profile, const std::string& title) {
  constexpr double kMs = 1e3, kTera = 1e-12, kGiga = 1e-9;
  std::string text = fmt::format("modelled: {}\n", title);
  text += fmt::format("{:<14} {:<34} {:>6} {:>9} {:>9} {:>8} {:>8}\n", "stream", "operation", "n",
                      "ms", "alone ms", "TFLOP", "GB");
  for (const ProfileRow& row : profile.rows)
    text +=
        fmt::format("{:<14} {:<34} {:>6} {:>9.2f} {:>9.2f} {:>8.1f} {:>8.1f}\n",
                    kStreamNames[row.stream], row.name, row.n, row.seconds * kMs, row.alone_s * kMs,
                    row.flops * kTera, static_cast<double>(row.bytes) * kGiga);
  text += fmt::format(
      "step {:.1f} ms; compute idle {:.2f} ms beside a collective and {:.2f} ms otherwise; "
      "collectives run {:.1f} ms\n",
      profile.step_s * kMs, profile.idle_beside_collective_s * kMs, profile.idle_s * kMs,
      profile.collectives_s * kMs);
  return text;
}

}  // namespace isoflop::test
