// SPDX-License-Identifier: MIT
#include "planner/jobs/submission.hpp"

#include "core/base/error.hpp"
#include "core/base/format.hpp"
#include "core/base/text_file.hpp"
#include "planner/detect/text_fields.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFields = 4;  // of a line of submitted.txt, between tabs

std::vector<std::string> lines_of(const fs::path& file) {
  if (!fs::exists(file)) return {};
  return split(read_text_file(file), '\n');
}

void note(const PlanFiles& files, const Submission& submission) {
  std::string text = fs::exists(files.submissions) ? read_text_file(files.submissions) : "";
  text += fmt::format("{}\t{}\t{}\t{}\n", submission.job, submission.time,
                      submission.folder.string(), submission.script.string());
  write_text_file(files.submissions, text);
}

/// What the script itself excludes, which the command line would replace.
std::vector<std::string> excluded_by(const fs::path& script) {
  const std::string begin = "#SBATCH --exclude=";
  for (const std::string& line : lines_of(script))
    if (line.starts_with(begin)) return split_list(line.substr(begin.size()));
  return {};
}

void check_not_queued(const PlanFiles& files) {
  const PlanQueue queue = queue_of(files);
  if (queue.jobs.empty()) return;
  const std::string folder = files.plan.parent_path().string();
  throw FileError(fmt::format(
      "{}: job {} of this plan is {}; see planner status {}, or planner cancel {} first", folder,
      queue.jobs.front().id, queue.jobs.front().state, folder, folder));
}

}  // namespace

std::vector<Submission> read_submissions(const PlanFiles& files) {
  std::vector<Submission> submissions;
  for (const std::string& line : lines_of(files.submissions)) {
    const std::vector<std::string> fields = split(line, '\t');
    if (fields.size() == kFields)
      submissions.push_back({fields[0], fields[1], fields[2], fields[3]});
  }
  return submissions;
}

PlanQueue queue_of(const PlanFiles& files) {
  const SlurmReply reply = ask_client({"squeue", "--noheader", "--me", "-o", kQueueFormat});
  if (!reply.out) return {{}, reply.problem};
  PlanQueue queue;
  for (QueuedJob& job : read_queue(*reply.out)) {
    if (job.script == files.script.string() || job.script == files.pilot_script.string())
      queue.jobs.push_back(std::move(job));
  }
  return queue;
}

std::vector<std::string> bad_nodes(const PlanFiles& files) {
  std::vector<std::string> nodes;
  for (const std::string& line : lines_of(files.bad_nodes)) {
    const std::string name = split(trimmed(line), ' ').front();
    if (name.empty() || name.starts_with('#')) continue;
    if (std::find(nodes.begin(), nodes.end(), name) == nodes.end()) nodes.push_back(name);
  }
  return nodes;
}

std::vector<std::string> sbatch_words(const fs::path& script, const std::vector<std::string>& bad) {
  std::vector<std::string> words = {"sbatch", "--parsable"};
  if (!bad.empty()) {
    std::vector<std::string> nodes = excluded_by(script);
    nodes.insert(nodes.end(), bad.begin(), bad.end());
    words.push_back(fmt::format("--exclude={}", fmt::join(nodes, ",")));
  }
  words.push_back(script.string());
  return words;
}

Submission submit_script(const PlanFiles& files, const fs::path& script,
                         const std::vector<std::string>& options, const fs::path& folder) {
  std::vector<std::string> words = sbatch_words(script, bad_nodes(files));
  words.insert(words.end() - 1, options.begin(), options.end());
  const SlurmReply reply = ask_client(words);
  if (!reply.out)
    throw FileError(
        fmt::format("{}: was not submitted ({}); correct that, or submit "
                    "it by hand with sbatch",
                    script.string(), reply.problem));
  // "17" or, with several clusters, "17;name".
  const Submission submission{split(trimmed(*reply.out), ';').front(), utc_timestamp(), folder,
                              script};
  note(files, submission);
  return submission;
}

Submission submit_plan(const PlanFiles& files) {
  if (!fs::exists(files.script))
    throw FileError(
        fmt::format("{}: is not there (the plan has no job files, or is none); plan "
                    "with planner plan --out",
                    files.script.string()));
  check_not_queued(files);
  fs::remove(files.cancelled);
  return submit_script(files, files.script, {}, fs::current_path());
}

}  // namespace isoflop
