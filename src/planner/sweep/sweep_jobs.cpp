// SPDX-License-Identifier: MIT
#include "planner/sweep/sweep_jobs.hpp"

#include "core/base/config_node.hpp"
#include "core/base/error.hpp"
#include "core/data/dataset_index.hpp"
#include "planner/sweep/sweep_ledger.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <map>
#include <set>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

/// States of the trainer's status file (src/trainer/health/README.md) that come again.
constexpr std::array<std::string_view, 2> kHopelessStates = {"nan", "out_of_memory"};

bool trains(const QueuedJob& job, const SweepManifest& manifest) {
  return std::any_of(manifest.arrays.begin(), manifest.arrays.end(),
                     [&](const auto& array) { return array.script.string() == job.script; });
}

bool is_of_sweep(const QueuedJob& job, const SweepManifest& manifest, const SweepFiles& files) {
  return job.script == files.report.string() || job.script == files.tick.string() ||
         trains(job, manifest);
}

/// "4" of "17_4"
std::string member_of(const QueuedJob& job) {
  const std::size_t mark = job.id.find('_');
  return mark == std::string::npos ? "" : job.id.substr(mark + 1);
}

/// "17" of "17_4"
std::string array_job_of(const QueuedJob& job) { return job.id.substr(0, job.id.find('_')); }

void ask_queue(SweepState& state, const SweepFiles& files) {
  const SlurmReply reply =
      ask_client({"squeue", "--noheader", "--me", "--array", "-o", kQueueFormat});
  state.problem = reply.problem;
  if (!reply.out) return;
  for (QueuedJob& job : read_queue(*reply.out))
    if (is_of_sweep(job, state.manifest, files)) state.jobs.push_back(std::move(job));
}

SweepRunState state_of(const ManifestRun& run, const SweepState& sweep, const SweepFiles& files) {
  SweepRunState state;
  const TrainConfig config = read_train_config(ConfigNode::load(run.plan));
  state.progress = read_progress(config, {files.runs});
  state.done =
      state.progress.state == "done" || state.progress.checkpoint_step.value_or(0) >= run.steps;
  state.hopeless = std::find(kHopelessStates.begin(), kHopelessStates.end(),
                             state.progress.state) != kHopelessStates.end() ||
                   (state.progress.state == "failed" && !state.progress.checkpoint_step);
  for (const QueuedJob& job : sweep.jobs)
    if (job.script == sweep.manifest.arrays[run.array].script.string() &&
        member_of(job) == std::to_string(run.member))
      state.job = job;
  return state;
}

void check_may_submit(const SweepState& state, const SweepFiles& files) {
  const std::string folder = files.folder.string();
  if (!state.problem.empty())
    throw FileError(
        fmt::format("{}: nothing is submitted ({}: what waits already is not known); try again "
                    "when Slurm answers",
                    folder, state.problem));
  if (!fs::exists(state.manifest.data / kDatasetIndexName))
    throw FileError(fmt::format("{}: no dataset is there, which every run reads; tokenize --out {}",
                                state.manifest.data.string(), state.manifest.data.string()));
  if (fs::exists(files.cancelled) && state.n_queued() > 0)
    throw FileError(fmt::format(
        "{}: jobs that planner cancel told to stop are still ending; see planner status {}", folder,
        folder));
}

/// The members of each array that are submitted.
std::map<std::size_t, std::vector<std::size_t>> choose(const SweepState& state,
                                                       const SubmitRules& rules,
                                                       SweepSubmission& submission) {
  std::map<std::size_t, std::vector<std::size_t>> members;
  for (std::size_t i = 0; i < state.runs.size(); ++i) {
    const SweepRunState& run = state.runs[i];
    const ManifestRun& of = state.manifest.runs[i];
    if (run.done || run.job || (run.hopeless && !rules.retry_hopeless)) continue;
    if (submission.device_hours + of.device_hours > rules.most_device_hours) continue;
    submission.device_hours += of.device_hours;
    submission.runs.push_back(of.name);
    members[of.array].push_back(of.member);
  }
  return members;
}

/// The arrays of the sweep that wait or run.
std::vector<std::string> training_jobs(const SweepState& state) {
  std::set<std::string> ids;
  for (const QueuedJob& job : state.jobs)
    if (trains(job, state.manifest)) ids.insert(array_job_of(job));
  return {ids.begin(), ids.end()};
}

std::string after(const std::vector<std::string>& jobs) {
  return fmt::format("--dependency=afterany:{}", fmt::join(jobs, ":"));
}

int64_t queued_of(const SweepState& state, const fs::path& script) {
  return std::count_if(state.jobs.begin(), state.jobs.end(),
                       [&](const QueuedJob& job) { return job.script == script.string(); });
}

/// The rest of an array's cap, at least one.
std::string members_option(const SweepState& state, std::size_t array,
                           const std::vector<std::size_t>& members) {
  const ManifestArray& of = state.manifest.arrays[array];
  const int64_t cap = std::max<int64_t>(1, of.max_running - queued_of(state, of.script));
  return fmt::format("--array={}%{}", array_list(members), cap);
}

void submit_arrays(const SweepState& state, const SweepFiles& files,
                   const std::map<std::size_t, std::vector<std::size_t>>& members,
                   SweepSubmission& submission) {
  const PlanFiles notes = plan_files_in(files.folder);
  std::vector<std::string> before = training_jobs(state);
  for (const auto& [array, of_array] : members) {
    std::vector<std::string> options = {members_option(state, array, of_array),
                                        "--chdir=" + files.folder.string()};
    if (state.manifest.one_array_at_a_time && !before.empty()) options.push_back(after(before));
    submission.arrays.push_back(
        submit_script(notes, state.manifest.arrays[array].script, options, files.folder));
    before = {submission.arrays.back().job};
  }
}

/// Those that wait for fewer runs.
void cancel_reports(const SweepState& state, const SweepFiles& files) {
  for (const QueuedJob& job : state.jobs)
    if (job.script == files.report.string()) ask_client({"scancel", job.id});
}

bool report_is_due(const SweepState& state, const SweepFiles& files,
                   const SweepSubmission& submission) {
  if (!submission.arrays.empty()) return true;
  const bool reports = queued_of(state, files.report) > 0;
  return !reports && training_jobs(state).empty() && state.n_done() > 0 &&
         !fs::exists(files.tables);
}

void submit_report(const SweepState& state, const SweepFiles& files, SweepSubmission& submission) {
  cancel_reports(state, files);
  std::vector<std::string> jobs = training_jobs(state);
  for (const Submission& array : submission.arrays) jobs.push_back(array.job);
  std::vector<std::string> options = {"--chdir=" + files.folder.string()};
  if (!jobs.empty()) options.push_back(after(jobs));
  submission.report =
      submit_script(plan_files_in(files.folder), files.report, options, files.folder);
}

}  // namespace

std::size_t SweepState::n_done() const {
  return static_cast<std::size_t>(
      std::count_if(runs.begin(), runs.end(), [](const auto& run) { return run.done; }));
}

std::size_t SweepState::n_queued() const {
  return static_cast<std::size_t>(std::count_if(
      runs.begin(), runs.end(), [](const auto& run) { return !run.done && run.job.has_value(); }));
}

std::string array_list(const std::vector<std::size_t>& members) {
  std::string text;
  for (std::size_t i = 0; i < members.size();) {
    std::size_t last = i;
    while (last + 1 < members.size() && members[last + 1] == members[last] + 1) ++last;
    text += fmt::format("{}{}", text.empty() ? "" : ",", members[i]);
    if (last > i) text += fmt::format("-{}", members[last]);
    i = last + 1;
  }
  return text;
}

SweepState read_sweep_state(const SweepFiles& files) {
  SweepState state;
  state.manifest = read_manifest(files);
  ask_queue(state, files);
  for (const ManifestRun& run : state.manifest.runs)
    state.runs.push_back(state_of(run, state, files));
  return state;
}

SweepSubmission submit_sweep(const SweepFiles& files, const SubmitRules& rules) {
  const SweepState state = read_sweep_state(files);
  check_may_submit(state, files);
  SweepSubmission submission;
  const auto members = choose(state, rules, submission);
  if (!members.empty()) fs::remove(files.cancelled);
  submit_arrays(state, files, members, submission);
  if (!submission.runs.empty())
    note_hours(files, {std::time(nullptr), submission.device_hours, submission.runs.size()});
  if (report_is_due(state, files, submission)) submit_report(state, files, submission);
  return submission;
}

}  // namespace isoflop
