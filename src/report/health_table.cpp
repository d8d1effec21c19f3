// SPDX-License-Identifier: MIT
#include "core/base/format.hpp"
#include "core/run/settled_steps.hpp"
#include "report/mfu_diagnosis.hpp"
#include "report/tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace isoflop {
namespace {

constexpr double kStraggler = 1.1;  ///< own work of a host's ranks over the median of all ranks
constexpr std::size_t kStepsNamed = 5;

struct Finding {
  const char* check;
  std::optional<int64_t> count;
  std::optional<double> seconds;
  std::string text;
};

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

/// Mean seconds that each rank worked in a step instead of waiting for others; empty when that was
/// not recorded.
std::vector<double> own_seconds(const RunFile& segment) {
  if (segment.rank_times.empty()) return {};
  std::vector<double> total(segment.rank_times.front().step_s.size(), 0);
  int64_t n_sample = 0;
  for (const RankTimesRecord& times : segment.rank_times) {
    if (times.step_s.size() != total.size() || times.comm_s.size() != total.size()) continue;
    if (std::any_of(times.comm_s.begin(), times.comm_s.end(),
                    [](float seconds) { return std::isnan(seconds); }))
      continue;
    for (std::size_t rank = 0; rank < total.size(); ++rank)
      total[rank] += times.step_s[rank] - times.comm_s[rank];
    ++n_sample;
  }
  if (n_sample == 0) return {};
  for (double& seconds : total) seconds /= static_cast<double>(n_sample);
  return total;
}

std::map<std::string, std::vector<double>> by_host(const RunFile& segment,
                                                   const std::vector<double>& own) {
  std::map<std::string, std::vector<double>> hosts;
  for (const RunNode& node : segment.header.hardware.nodes) {
    if (node.rank >= 0 && static_cast<std::size_t>(node.rank) < own.size())
      hosts[node.node].push_back(own[static_cast<std::size_t>(node.rank)]);
  }
  return hosts;
}

void find_stragglers(const TrainingRun& run, std::vector<Finding>& findings) {
  for (const RunFile& segment : run.segments) {
    const std::vector<double> own = own_seconds(segment);
    if (own.size() < 2) continue;
    const double middle = median(own);
    for (const auto& [host, ranks] : by_host(segment, own)) {
      const double slowest = *std::max_element(ranks.begin(), ranks.end());
      if (slowest <= kStraggler * middle) continue;
      const double lost_s = (slowest - middle) * static_cast<double>(segment.steps.size());
      findings.push_back({"straggler", static_cast<int64_t>(segment.rank_times.size()), lost_s,
                          fmt::format("{}: {} of own work a step, {:.0f} % above the median of "
                                      "{} ranks (start {}); planner submit leaves out bad nodes",
                                      host, format_duration(slowest), (slowest / middle - 1) * 100,
                                      own.size(), segment.header.identity.segment)});
    }
  }
}

void find_flagged(const TrainingRun& run, StepFlag flag, const char* check,
                  std::vector<Finding>& findings) {
  int64_t count = 0;
  std::vector<int64_t> named;
  for (const RunFile& segment : run.segments) {
    for (const StepRecord& step : segment.steps) {
      if ((step.flags & flag) == 0) continue;
      ++count;
      if (named.size() < kStepsNamed) named.push_back(step.step);
    }
  }
  if (count == 0) return;
  const bool has_more = count > std::ssize(named);
  findings.push_back(
      {check,
       count,
       {},
       fmt::format("at step {}{}", fmt::join(named, ", "), has_more ? ", ..." : "")});
}

void find_checkpoints(const TrainingRun& run, std::vector<Finding>& findings) {
  std::vector<double> write_s;
  double stall_s = 0;
  int64_t n_checkpoint = 0;
  int64_t n_failed = 0;
  for (const RunFile& segment : run.segments) {
    for (const CheckpointRecord& checkpoint : segment.checkpoints) {
      ++n_checkpoint;
      n_failed += checkpoint.ok ? 0 : 1;
      stall_s += checkpoint.stall_s.value_or(0);
      if (checkpoint.write_s) write_s.push_back(*checkpoint.write_s);
    }
  }
  if (n_checkpoint == 0) return;
  std::string text = "training waited; ";
  text += write_s.empty() ? "no times of writing"
                          : "written in " + format_duration(median(write_s)) + " (median)";
  if (n_failed > 0) text += fmt::format("; {} not complete", n_failed);
  findings.push_back({"checkpoints", n_checkpoint, stall_s, text});
}

/// From the first event to the first step, and what the first steps took beyond the median.
std::optional<double> start_seconds(const RunFile& segment, double step_s) {
  if (segment.steps.empty()) return std::nullopt;
  const StepRecord first = segment.steps.front();
  double began = first.time - first.step_s.value_or(0);
  for (const RunEvent& event : segment.events) began = std::min(began, event.time);
  double seconds = first.time - first.step_s.value_or(0) - began;
  auto step = segment.steps.begin();
  for (std::size_t n_left = warm_up_steps(segment); n_left > 0; --n_left, ++step)
    seconds += std::max(0.0, step->step_s.value_or(0) - step_s);
  return seconds;
}

void find_starts(const TrainingRun& run, const RunSummary& summary,
                 std::vector<Finding>& findings) {
  double total = 0;
  double longest = 0;
  int32_t slowest = 0;
  int64_t n_start = 0;
  for (const RunFile& segment : run.segments) {
    const auto seconds = start_seconds(segment, summary.step_s.value_or(0));
    if (!seconds || !summary.step_s) continue;
    ++n_start;
    total += *seconds;
    if (*seconds < longest) continue;
    longest = *seconds;
    slowest = segment.header.identity.segment;
  }
  if (n_start == 0) return;
  findings.push_back({"starts", n_start, total,
                      fmt::format("the longest {} (start {}): until the first step, and slow "
                                  "first steps",
                                  format_duration(longest), slowest)});
}

std::vector<Finding> findings_of(const TrainingRun& run, const RunSummary& summary) {
  std::vector<Finding> findings;
  if (summary.mfu && *summary.mfu < kLowMfu)
    findings.push_back(
        {"low MFU", {}, {}, format_percent(*summary.mfu) + ": " + diagnose_low_mfu(run)});
  find_stragglers(run, findings);
  find_flagged(run, kStepSpike, "spikes", findings);
  find_flagged(run, kStepSkipped, "skipped steps", findings);
  find_checkpoints(run, findings);
  find_starts(run, summary, findings);
  if (run.lost_steps > 0)
    findings.push_back({"lost steps", run.lost_steps, {}, "computed again after a restart"});
  if (findings.empty()) findings.push_back({"none", {}, {}, "nothing was recorded to look at"});
  return findings;
}

}  // namespace

Table health_table() {
  Table table{"health", "Health"};
  table.notes = {
      "straggler: a host with a rank whose own work (step time less waiting for others) is 10 % "
      "above the median of ranks, by the steps that recorded it; time: that excess over all steps",
      "starts: from the first event to the first step, and the excess of the first steps (5 %, at "
      "least 2) over the median",
      "low MFU: below 25 %; its largest phase of settled steps, and the key to change"};
  table.columns = {{"run", "run"},
                   {"state", "state"},
                   {"check", "check"},
                   {"count", "count", "", CellStyle::integer},
                   {"seconds", "time", "", CellStyle::duration},
                   {"wall_percent", "of wall", "%", CellStyle::fixed, 1},
                   {"finding", "finding"}};
  return table;
}

void add_health(const TrainingRun& run, const RunSummary& summary, Table& table) {
  const std::optional<double> wall = summary.wall_s;
  for (const Finding& finding : findings_of(run, summary)) {
    const bool has_share = finding.seconds && wall && *wall > 0;
    const std::optional<double> share =
        has_share ? std::optional(*finding.seconds / *wall * 100) : std::nullopt;
    table.rows.push_back({summary.name, summary.state, std::string(finding.check),
                          to_cell(finding.count), to_cell(finding.seconds), to_cell(share),
                          finding.text});
  }
}

}  // namespace isoflop
