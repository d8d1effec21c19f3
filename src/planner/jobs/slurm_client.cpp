// SPDX-License-Identifier: MIT
#include "planner/jobs/slurm_client.hpp"

#include "core/base/error.hpp"
#include "core/base/letter_case.hpp"
#include "core/base/program_output.hpp"
#include "planner/detect/text_fields.hpp"

#include <fmt/format.h>

#include <string_view>
#include <unistd.h>

namespace isoflop {
namespace {

constexpr const char* kMostSeconds = "15";
constexpr int kOutOfTime = 124;  // timeout's exit code
constexpr int kNotThere = 127;   // env's
constexpr std::size_t kQueueFields = 7;

/// SLURM_CONF alone says which cluster is meant.
std::vector<std::string> variables_to_leave_out() {
  std::vector<std::string> names;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::string_view name = text.substr(0, text.find('='));
    if ((name.starts_with("SBATCH_") || name.starts_with("SLURM_")) && name != "SLURM_CONF")
      names.emplace_back(name);
  }
  return names;
}

/// "17_[2-18%1]", of which one runs at a time, without the limit, which scancel does not take.
std::string without_limit(std::string id) {
  const std::size_t limit = id.find('%');
  if (limit != std::string::npos) id.erase(limit, id.find(']', limit) - limit);
  return id;
}

}  // namespace

bool QueuedJob::is_held() const {
  return state == "PENDING" && lower_case(reason).find("held") != std::string::npos;
}

SlurmReply ask_client(const std::vector<std::string>& words) {
  std::vector<std::string> command = {"timeout", "-k", "2", kMostSeconds, "env"};
  for (const std::string& name : variables_to_leave_out())
    command.insert(command.end(), {"-u", name});
  command.insert(command.end(), words.begin(), words.end());
  const std::optional<ProgramOutput> output = run_program(command);
  if (!output || output->exit_code == kNotThere)
    return {std::nullopt, fmt::format("there is no {} on this machine", words.front())};
  if (output->exit_code == 0) return {output->out, ""};
  if (output->exit_code == kOutOfTime)
    return {std::nullopt, fmt::format("{} had no answer in {} s", words.front(), kMostSeconds)};
  return {std::nullopt,
          fmt::format("{}: {}", words.front(), split(trimmed(output->error), '\n').back())};
}

std::vector<QueuedJob> read_queue(const std::string& lines) {
  std::vector<QueuedJob> jobs;
  for (const auto& line : split(trimmed(lines), '\n')) {
    if (line.empty()) continue;
    const auto fields = split(line, '|');
    if (fields.size() < kQueueFields)
      throw FileError(fmt::format("squeue printed '{}' (fewer than {} fields); is it Slurm's?",
                                  line, kQueueFields));
    const auto text = [&](std::size_t i) { return std::string(fields[i]); };
    jobs.push_back({without_limit(text(0)), text(1), text(2), text(3), text(4), text(5), text(6)});
  }
  return jobs;
}

}  // namespace isoflop
