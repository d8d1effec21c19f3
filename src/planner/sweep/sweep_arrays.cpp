// SPDX-License-Identifier: MIT
#include "planner/sbatch_writer.hpp"
#include "planner/sweep/sweep.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

namespace isoflop {
namespace {

/// Nodes, devices of each, and the length in powers of two of minutes.
using ArrayClass = std::tuple<int, int, int>;

ArrayClass class_of(const SweepRun& run) {
  const Candidate& choice = run.plan.choice;
  const double minutes = std::max(1.0, choice.budget.split.job_s / 60);
  return {choice.job.nodes, choice.job.devices_per_node, static_cast<int>(std::log2(minutes))};
}

void add(SweepArray& array, const SweepRun& run, std::size_t index) {
  const Budget& budget = run.plan.choice.budget;
  array.job = run.plan.choice.job;
  // A run that is slower than predicted is to stop in time and go on: its end and the signal's lead
  // both fit into the limit that Slurm is asked for, where the partition's allows it.
  const TimeRules& rules = budget.rules;
  const bool has_room = budget.split.job_s + rules.stop_s() <= rules.job_limit_s;
  const auto lead =
      has_room ? std::optional(static_cast<int64_t>(rules.signal_lead_s)) : signal_lead_s(budget);
  array.job_s = std::max(array.job_s, budget.split.job_s + (has_room ? rules.stop_s() : 0));
  array.signal_lead_s = std::max(array.signal_lead_s, lead);
  array.runs.push_back(index);
}

double hours_of(const SweepArray& array, const std::vector<SweepRun>& runs) {
  double hours = 0;
  for (const std::size_t index : array.runs) hours += runs[index].plan.choice.device_hours();
  return hours;
}

/// The array that has most device hours left to each of its jobs, of those that can use one more.
SweepArray* neediest(std::vector<SweepArray>& arrays, const std::vector<SweepRun>& runs) {
  SweepArray* most = nullptr;
  for (SweepArray& array : arrays) {
    if (array.max_running >= static_cast<int>(array.runs.size())) continue;
    const auto need = [&](const SweepArray& of) { return hours_of(of, runs) / of.max_running; };
    if (most == nullptr || need(array) > need(*most)) most = &array;
  }
  return most;
}

/// One job each, the rest where it is needed most; all of them where arrays wait for each other.
void share(std::vector<SweepArray>& arrays, const std::vector<SweepRun>& runs, int max_running) {
  const int n_arrays = static_cast<int>(arrays.size());
  for (SweepArray& array : arrays)
    array.max_running =
        max_running < n_arrays ? std::min(max_running, static_cast<int>(array.runs.size())) : 1;
  for (int left = max_running - n_arrays; left > 0; --left) {
    SweepArray* const array = neediest(arrays, runs);
    if (array == nullptr) return;
    ++array->max_running;
  }
}

}  // namespace

std::vector<SweepArray> group_runs(const std::vector<SweepRun>& runs, int max_running) {
  std::map<ArrayClass, std::vector<SweepArray>> classes;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    std::vector<SweepArray>& of_class = classes[class_of(runs[i])];
    if (of_class.empty() || of_class.back().runs.size() == kLargestArray) of_class.emplace_back();
    add(of_class.back(), runs[i], i);
  }
  std::vector<SweepArray> arrays;
  for (auto& [key, of_class] : classes)
    std::move(of_class.begin(), of_class.end(), std::back_inserter(arrays));
  share(arrays, runs, max_running);
  return arrays;
}

}  // namespace isoflop
