// SPDX-License-Identifier: MIT
#include "planner/commands/status_command.hpp"

#include "core/base/command_line.hpp"
#include "core/base/error.hpp"
#include "core/base/format.hpp"
#include "core/hardware/cluster.hpp"
#include "core/hardware/gpu_catalog.hpp"
#include "planner/jobs/run_progress.hpp"
#include "planner/jobs/submission.hpp"
#include "planner/sweep/sweep_status.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cmath>
#include <ctime>
#include <filesystem>
#include <string>
#include <vector>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

std::string line(const std::string& label, const std::string& text) {
  return fmt::format("{:<12}{}\n", label, text);
}

/// Where the plan's jobs may have put their files: as squeue says, as submitted, the site's folder,
/// here.
std::vector<fs::path> run_folders(const TrainConfig& config, const PlanFiles& files,
                                  const PlanQueue& queue) {
  std::vector<fs::path> folders;
  for (const QueuedJob& job : queue.jobs) folders.push_back(fs::path(job.folder) / config.run.out);
  for (const Submission& submission : read_submissions(files))
    folders.push_back(submission.folder / config.run.out);
  if (fs::exists(files.cluster)) {
    const Cluster cluster = load_cluster(files.cluster, GpuCatalog::load());
    for (const Partition& partition : cluster.partitions)
      if (partition.job.work_dir) folders.push_back(*partition.job.work_dir / config.run.out);
  }
  folders.push_back(fs::absolute(config.run.out));
  return folders;
}

std::string describe_step(const RunProgress& progress, int64_t steps) {
  return fmt::format(
      "step {} of {} ({}), {}", format_grouped(progress.step), format_grouped(steps),
      format_percent(static_cast<double>(progress.step) / static_cast<double>(steps)),
      progress.state);
}

std::string describe_losses(const RunProgress& progress) {
  std::string text;
  if (progress.loss) text = fmt::format("loss {:.4f}", *progress.loss);
  if (progress.validation_loss)
    text += fmt::format("{}validation loss {:.4f} at step {}", text.empty() ? "" : ", ",
                        *progress.validation_loss, format_grouped(*progress.evaluated_step));
  return text.empty() ? "" : line("", text);
}

std::string describe_pace(const RunProgress& progress, int64_t steps, bool is_running) {
  if (!progress.step_s || progress.step >= steps) return "";
  const double left_s = static_cast<double>(steps - progress.step) * *progress.step_s;
  const std::string end =
      is_running ? ", until " + utc_timestamp(std::time(nullptr) + std::llround(left_s)) : "";
  return line("", fmt::format("{} a step: {} of training are left{}",
                              format_duration(*progress.step_s), format_duration(left_s), end));
}

std::string describe_saved(const RunProgress& progress) {
  std::string text =
      progress.checkpoint_step
          ? fmt::format("checkpoint of step {}", format_grouped(*progress.checkpoint_step))
          : "no checkpoint yet";
  if (progress.starts > 1) text += fmt::format("; {} starts", progress.starts);
  if (progress.written)
    text += fmt::format("; last sign of life {} ago",
                        format_duration(std::max(0.0, static_cast<double>(std::time(nullptr)) -
                                                          std::floor(*progress.written))));
  return line("", text);
}

std::string describe_queue(const PlanQueue& queue, bool is_cancelled) {
  std::string text;
  for (const QueuedJob& job : queue.jobs) {
    text += line(text.empty() ? "Jobs" : "", fmt::format("{} {} {}, {} of {}", job.id, job.state,
                                                         job.reason, job.elapsed, job.limit));
    if (job.is_held()) text += line("", fmt::format("held: scontrol release {}", job.id));
  }
  if (!queue.problem.empty())
    text = line("Jobs", "unknown: " + queue.problem + "; the lines above are from the run's files");
  else if (queue.jobs.empty())
    text = line("Jobs", "none waits or runs");
  return is_cancelled ? text + line("", "cancelled: jobs start nothing more until planner submit")
                      : text;
}

void run(const PlanFiles& files) {
  if (!fs::exists(files.plan))
    throw FileError(
        fmt::format("{}: is not there; name the folder of a plan", files.plan.string()));
  const TrainConfig config = read_train_config(ConfigNode::load(files.plan));
  const PlanQueue queue = queue_of(files);
  const RunProgress progress = read_progress(config, run_folders(config, files, queue));
  const int64_t steps = config.schedule.steps;
  const bool is_running = !queue.problem.empty()
                              ? progress.state == "running"
                              : !queue.jobs.empty() && queue.jobs.front().is_running();
  std::string text = line("Run", config.run.name + ": " + describe_step(progress, steps));
  if (!progress.cause.empty()) text += line("", progress.cause);
  text += describe_losses(progress) + describe_pace(progress, steps, is_running);
  if (!progress.folder.empty()) text += describe_saved(progress);
  for (const std::string& note : progress.notes) text += line("", note);
  fmt::print("{}{}", text, describe_queue(queue, fs::exists(files.cancelled)));
}

}  // namespace

int run_status_command(int argc, const char* const* argv) {
  fs::path folder;
  CLI::App app("How far the training of a plan has come: by its own files, then by Slurm.",
               "planner status");
  app.add_option("DIR", folder, "Folder of the plan or sweep")->required();
  if (!parse_command_line(app, argc, argv, "see planner status --help")) return 0;
  if (is_sweep_folder(folder)) {
    const SweepFiles files = sweep_files_in(folder);
    fmt::print("{}", describe_sweep_state(read_sweep_state(files), files));
  } else {
    run(plan_files_in(folder));
  }
  return 0;
}

}  // namespace isoflop
