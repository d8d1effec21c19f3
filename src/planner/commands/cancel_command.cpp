// SPDX-License-Identifier: MIT
#include "planner/commands/cancel_command.hpp"

#include "core/base/command_line.hpp"
#include "core/base/error.hpp"
#include "core/base/format.hpp"
#include "core/base/text_file.hpp"
#include "planner/detect/text_fields.hpp"
#include "planner/jobs/submission.hpp"
#include "planner/shell_quote.hpp"
#include "planner/sweep/sweep_jobs.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cctype>
#include <filesystem>
#include <string>
#include <vector>

namespace isoflop {
namespace {

/// The steps that a job runs, without its script ("17_4.batch").
std::vector<std::string> steps_of(const QueuedJob& job) {
  const SlurmReply reply =
      ask_client({"squeue", "--steps", "--noheader", "--jobs=" + job.id, "--format=%i"});
  std::vector<std::string> steps;
  for (const auto& id : split(trimmed(reply.out.value_or("")), '\n'))
    if (!id.empty() && std::isdigit(static_cast<unsigned char>(id.back())) != 0)
      steps.emplace_back(id);
  return steps;
}

/// A running job saves its state and ends; its script then starts nothing more. Of an array's
/// member the steps are named: of the member itself Slurm 22.05 passes the signal on and then says
/// that the job cannot be altered now.
std::vector<std::string> words_to_end(const QueuedJob& job, bool now) {
  if (!job.is_running() || now) return {"scancel", job.id};
  std::vector<std::string> words = {"scancel", "--signal=USR2"};
  const bool is_member = job.id.find('_') != std::string::npos;
  const std::vector<std::string> steps = is_member ? steps_of(job) : std::vector<std::string>();
  words.insert(words.end(), steps.begin(), steps.end());
  if (steps.empty()) words.push_back(job.id);
  return words;
}

struct Cancellation {
  std::filesystem::path folder;
  std::vector<QueuedJob> jobs;
  std::string problem;  ///< why nobody knows the jobs
};

Cancellation of_plan(const PlanFiles& files) {
  if (!std::filesystem::exists(files.plan))
    throw FileError(
        fmt::format("{}: is not there; name the folder of a plan", files.plan.string()));
  write_text_file(files.cancelled, utc_timestamp() + "\n");
  const PlanQueue queue = queue_of(files);
  return {files.plan.parent_path(), queue.jobs, queue.problem};
}

Cancellation of_sweep(const SweepFiles& files) {
  write_text_file(files.cancelled, utc_timestamp() + "\n");
  const SweepState state = read_sweep_state(files);
  return {files.folder, state.jobs, state.problem};
}

void cancel(const Cancellation& what, bool now) {
  const std::string folder = what.folder.string();
  if (!what.problem.empty())
    throw FileError(fmt::format(
        "{}: its jobs will start nothing more, but those that run were not told ({}); run planner "
        "cancel again when Slurm answers",
        folder, what.problem));
  for (const QueuedJob& job : what.jobs) {
    const SlurmReply reply = ask_client(words_to_end(job, now));
    fmt::print("{:<12}job {}, {}{}\n", reply.out ? "Cancelled" : "Failed", job.id, job.state,
               !reply.out                 ? ": " + reply.problem
               : job.is_running() && !now ? ": saves its state and ends"
                                          : "");
  }
  if (what.jobs.empty()) fmt::print("{:<12}no job waits or runs\n", "Cancelled");
  fmt::print("{:<12}planner submit {}   # goes on from the last checkpoint\n", "Next",
             shell_quote(folder));
}

}  // namespace

int run_cancel_command(int argc, const char* const* argv) {
  std::filesystem::path folder;
  bool now = false;
  CLI::App app("Ends the jobs of a plan: they save their state, and none follows.",
               "planner cancel");
  app.add_option("DIR", folder, "Folder of the plan or sweep")->required();
  app.add_flag("--now", now, "scancel at once; what is not saved within Slurm's KillWait is lost");
  if (!parse_command_line(app, argc, argv, "see planner cancel --help")) return 0;
  const Cancellation what =
      is_sweep_folder(folder) ? of_sweep(sweep_files_in(folder)) : of_plan(plan_files_in(folder));
  cancel(what, now);
  return 0;
}

}  // namespace isoflop
