// SPDX-License-Identifier: MIT
#include "core/run/run_set.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <string>
#include <utility>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

/// Files of one run as they were given.
using SegmentGroup = std::vector<RunFile>;

const std::string& run_id_of(const RunFile& file) { return file.header.identity.run_id; }

/// A start from step 0 with another configuration is another run, though it has the same name.
bool belongs_to(const RunFile& file, const SegmentGroup& group) {
  if (run_id_of(group.front()) != run_id_of(file)) return false;
  return file.header.identity.resumed_from_step > 0 ||
         group.back().header.config.yaml == file.header.config.yaml;
}

/// The latest group that the file belongs to: a checkpoint is of the run before it.
SegmentGroup& group_of(std::vector<SegmentGroup>& groups, const RunFile& file) {
  const auto found = std::find_if(groups.rbegin(), groups.rend(), [&](const SegmentGroup& group) {
    return belongs_to(file, group);
  });
  return found != groups.rend() ? *found : groups.emplace_back();
}

void warn_of_unwritten_rows(const RunFile& file, RunSet& set) {
  if (file.unwritten_rows == 0) return;
  set.warnings.push_back(
      fmt::format("{}: {} rows at its end were never written (the disk failed "
                  "or the file was cut); the others are used",
                  file.path.string(), file.unwritten_rows));
}

/// Adds a file to its run; a second file of the same segment is named and left out.
void add_file(std::vector<SegmentGroup>& groups, RunFile file, RunSet& set) {
  SegmentGroup& group = group_of(groups, file);
  for (const RunFile& other : group) {
    if (other.header.identity.segment != file.header.identity.segment) continue;
    set.skipped.push_back(fmt::format("{}: is segment {} of run '{}' as {} is; give only one",
                                      file.path.string(), file.header.identity.segment,
                                      run_id_of(file), other.path.string()));
    return;
  }
  group.push_back(std::move(file));
}

/// Run ids in the order they were given, the starts of each by number.
std::vector<RunFile> by_run_and_segment(std::vector<RunFile> files) {
  std::map<std::string, std::size_t> given;
  for (const RunFile& file : files) given.try_emplace(run_id_of(file), given.size());
  std::stable_sort(files.begin(), files.end(), [&](const RunFile& a, const RunFile& b) {
    return std::pair(given.at(run_id_of(a)), a.header.identity.segment) <
           std::pair(given.at(run_id_of(b)), b.header.identity.segment);
  });
  return files;
}

/// Runs that share a run id are told apart by the file of their first start, "runs/demo.s001".
void name_runs(std::vector<TrainingRun>& runs) {
  for (TrainingRun& run : runs) {
    const auto same = std::count_if(runs.begin(), runs.end(), [&](const TrainingRun& other) {
      return run_id_of(other.last()) == run_id_of(run.last());
    });
    if (same > 1) run.name = fs::path(run.segments.front().path).replace_extension().string();
  }
}

/// The last step that later segments did not compute again.
int64_t last_step_kept(std::span<const RunFile> later) {
  int64_t step = std::numeric_limits<int64_t>::max();
  for (const RunFile& segment : later)
    step = std::min(step, segment.header.identity.resumed_from_step);
  return step;
}

/// From the first to the last thing recorded; the first step's own duration counts.
std::optional<double> segment_wall_s(const RunFile& segment) {
  double first = std::numeric_limits<double>::infinity();
  double last = -std::numeric_limits<double>::infinity();
  const auto include = [&](double begin, double end) {
    first = std::min(first, begin);
    last = std::max(last, end);
  };
  if (!segment.steps.empty()) {
    const StepRecord first_step = segment.steps.front();
    include(first_step.time - first_step.step_s.value_or(0), segment.steps.back().time);
  }
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
  run.name = run_id_of(segments.back());
  run.wall_s = wall_s(segments);
  for (const RunFile& segment : segments)
    run.start_wall_s.push_back(segment_wall_s(segment).value_or(0));
  run.segments = std::move(segments);
  for (std::size_t s = 0; s + 1 < run.segments.size(); ++s) {
    const int64_t last_step = last_step_kept(std::span(run.segments).subspan(s + 1));
    run.lost_steps += static_cast<int64_t>(run.segments[s].steps.drop_beyond(last_step));
    std::erase_if(run.segments[s].evals,
                  [&](const EvalRecord& eval) { return eval.step > last_step; });
  }
  return run;
}

RunSet load_runs(std::span<const fs::path> files, RunReading reading) {
  RunSet set;
  std::vector<RunFile> readable;
  read_runs(files, reading, [&](RunReadResult result) {
    if (auto* unreadable = std::get_if<UnreadableRun>(&result))
      set.skipped.push_back(unreadable->message);
    else
      readable.push_back(std::move(std::get<RunFile>(result)));
  });
  group_runs(std::move(readable), set);
  return set;
}

void group_runs(std::vector<RunFile> files, RunSet& set) {
  std::vector<SegmentGroup> groups;
  for (RunFile& file : by_run_and_segment(std::move(files))) {
    warn_of_unwritten_rows(file, set);
    add_file(groups, std::move(file), set);
  }
  for (SegmentGroup& group : groups) set.runs.push_back(join_segments(std::move(group)));
  name_runs(set.runs);
}

}  // namespace isoflop
