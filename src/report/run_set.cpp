// SPDX-License-Identifier: MIT
#include "report/run_set.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

/// Files of one run as they were given.
using SegmentGroups = std::vector<std::vector<RunFile>>;

std::vector<RunFile>& group_of(SegmentGroups& groups, const std::string& run_id) {
  const auto found = std::find_if(groups.begin(), groups.end(), [&](const auto& group) {
    return group.front().header.identity.run_id == run_id;
  });
  return found != groups.end() ? *found : groups.emplace_back();
}

/// Adds a file to its run; a second file of the same segment is named and left out.
void add_file(SegmentGroups& groups, RunFile file, RunSet& set) {
  if (file.unwritten_rows > 0)
    set.warnings.push_back(
        fmt::format("{}: {} rows at its end were never written (the disk failed "
                    "or the file was cut); the others are used",
                    file.path.string(), file.unwritten_rows));
  std::vector<RunFile>& group = group_of(groups, file.header.identity.run_id);
  for (const RunFile& other : group) {
    if (other.header.identity.segment != file.header.identity.segment) continue;
    set.skipped.push_back(fmt::format("{}: is segment {} of run '{}' as {} is; give only one",
                                      file.path.string(), file.header.identity.segment,
                                      file.header.identity.run_id, other.path.string()));
    return;
  }
  group.push_back(std::move(file));
}

/// The last step that later segments did not compute again.
int64_t last_step_kept(std::span<const RunFile> later) {
  int64_t step = std::numeric_limits<int64_t>::max();
  for (const RunFile& segment : later)
    step = std::min(step, segment.header.identity.resumed_from_step);
  return step;
}

/// Removes rows beyond `last_step`; returns how many.
template <typename Record>
int64_t remove_beyond(std::vector<Record>& rows, int64_t last_step) {
  return static_cast<int64_t>(
      std::erase_if(rows, [&](const Record& row) { return row.step > last_step; }));
}

/// From the first to the last thing recorded; the first step's own duration counts.
std::optional<double> segment_wall_s(const RunFile& segment) {
  double first = std::numeric_limits<double>::infinity();
  double last = -std::numeric_limits<double>::infinity();
  const auto include = [&](double begin, double end) {
    first = std::min(first, begin);
    last = std::max(last, end);
  };
  for (const StepRecord& step : segment.steps)
    include(step.time - step.step_s.value_or(0), step.time);
  for (const EvalRecord& eval : segment.evals)
    include(eval.time - eval.seconds.value_or(0), eval.time);
  for (const RunEvent& event : segment.events) include(event.time, event.time);
  return first <= last ? std::optional(last - first) : std::nullopt;
}

std::optional<double> wall_s(std::span<const RunFile> segments) {
  std::optional<double> total;
  for (const RunFile& segment : segments) {
    if (const auto seconds = segment_wall_s(segment)) total = total.value_or(0) + *seconds;
  }
  return total;
}

}  // namespace

TrainingRun join_segments(std::vector<RunFile> segments) {
  std::sort(segments.begin(), segments.end(), [](const RunFile& a, const RunFile& b) {
    return a.header.identity.segment < b.header.identity.segment;
  });
  TrainingRun run;
  run.wall_s = wall_s(segments);
  run.segments = std::move(segments);
  for (std::size_t s = 0; s + 1 < run.segments.size(); ++s) {
    const int64_t last_step = last_step_kept(std::span(run.segments).subspan(s + 1));
    run.lost_steps += remove_beyond(run.segments[s].steps, last_step);
    remove_beyond(run.segments[s].evals, last_step);
  }
  return run;
}

RunSet load_runs(std::span<const fs::path> files) {
  RunSet set;
  SegmentGroups groups;
  for (const fs::path& path : files) {
    RunReadResult result = read_run(path);
    if (auto* unreadable = std::get_if<UnreadableRun>(&result))
      set.skipped.push_back(unreadable->message);
    else
      add_file(groups, std::move(std::get<RunFile>(result)), set);
  }
  for (std::vector<RunFile>& group : groups) set.runs.push_back(join_segments(std::move(group)));
  return set;
}

}  // namespace isoflop
