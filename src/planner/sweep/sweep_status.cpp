// SPDX-License-Identifier: MIT
#include "planner/sweep/sweep_status.hpp"

#include "core/base/table/render.hpp"
#include "planner/plan_writer.hpp"
#include "planner/shell_quote.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

namespace isoflop {
namespace {

std::string line(const std::string& label, const std::string& text) {
  return fmt::format("{:<12}{}\n", label, text);
}

/// Own files first: a run that is done is done whatever Slurm says.
std::string state_word(const SweepRunState& run, bool queue_is_known) {
  if (run.done) return "done";
  if (run.job) return run.job->is_held() ? "held" : run.job->is_running() ? "running" : "waiting";
  if (run.progress.state == "running" && queue_is_known) return "killed";
  return run.progress.state;
}

Table run_table(const SweepState& state) {
  Table table{.key = "runs", .title = "Runs"};
  table.columns = {{"run", "Run"},
                   {"state", "State"},
                   {"step", "Step", "", CellStyle::grouped},
                   {"steps", "of", "", CellStyle::grouped},
                   {"loss", "Loss", "", CellStyle::fixed, 4},
                   {"validation_loss", "Validation", "", CellStyle::fixed, 4},
                   {"job", "Job"},
                   {"gpu_hours", "GPU hours", "", CellStyle::fixed, 2}};
  table.notes = {"GPU hours as predicted"};
  for (std::size_t i = 0; i < state.runs.size(); ++i) {
    const SweepRunState& run = state.runs[i];
    const ManifestRun& of = state.manifest.runs[i];
    table.rows.push_back({of.name, state_word(run, state.problem.empty()), run.progress.step,
                          of.steps, to_cell(run.progress.loss),
                          to_cell(run.progress.validation_loss),
                          run.job ? Cell(run.job->id) : Cell(), of.device_hours});
  }
  return table;
}

std::string describe_jobs(const SweepState& state, const SweepFiles& files) {
  if (!state.problem.empty())
    return line("Jobs",
                "unknown: " + state.problem + "; the lines above are from the runs' own files");
  std::string text;
  for (const QueuedJob& job : state.jobs)
    if (job.script == files.report.string())
      text += line("Report", fmt::format("job {} {} {}", job.id, job.state, job.reason));
  return text;
}

}  // namespace

std::string describe_sweep_state(const SweepState& state, const SweepFiles& files) {
  namespace fs = std::filesystem;
  const std::array<Table, 1> tables = {run_table(state)};
  std::string text = render_text(tables) + "\n";
  text +=
      line("Sweep", fmt::format("{}: {} of {} runs are done, {} wait or run", state.manifest.name,
                                state.n_done(), state.runs.size(), state.n_queued()));
  for (std::size_t i = 0; i < state.runs.size(); ++i)
    if (!state.runs[i].done && !state.runs[i].progress.cause.empty())
      text += line("", state.manifest.runs[i].name + ": " + state.runs[i].progress.cause);
  text += describe_jobs(state, files);
  if (fs::exists(files.law)) text += line("Law", short_path(files.law).string());
  if (fs::exists(files.tables)) text += line("Tables", short_path(files.tables).string());
  if (fs::exists(files.cancelled))
    text += line("", "cancelled: jobs start nothing more until planner submit");
  return text;
}

std::string describe_sweep_submission(const SweepSubmission& submission, const SweepFiles& files) {
  std::string text;
  for (const Submission& array : submission.arrays)
    text += line(text.empty() ? "Submitted" : "",
                 fmt::format("job {} of {}", array.job, array.script.filename().string()));
  if (submission.runs.empty())
    text += line("Submitted", "nothing: every run is done, waits or runs");
  else
    text += line("", fmt::format("{} run{}, {:.4g} GPU hours", submission.runs.size(),
                                 submission.runs.size() == 1 ? "" : "s", submission.device_hours));
  if (submission.report)
    text += line("", fmt::format("job {} of {}", submission.report->job,
                                 submission.report->script.filename().string()));
  return text + line("Next", "planner status " + shell_quote(short_path(files.folder).string()));
}

}  // namespace isoflop
