// SPDX-License-Identifier: MIT
#include "planner/detect/slurm_query.hpp"

#include "core/base/error.hpp"
#include "core/base/program_output.hpp"
#include "planner/detect/text_fields.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace isoflop {
namespace {

/// Absent when the program is not there. Throws FileError when it fails.
std::optional<std::string> ask(const std::vector<std::string>& words) {
  const std::optional<ProgramOutput> output = run_program(words);
  if (!output) return std::nullopt;
  if (output->exit_code == 0) return output->out;
  throw FileError(fmt::format("{} failed with exit code {} ({}); run it by hand on a login node",
                              fmt::join(words, " "), output->exit_code,
                              split(trimmed(output->error), '\n').front()));
}

std::optional<SlurmAnswer> ask_scontrol() {
  const std::optional<std::string> nodes = ask({"scontrol", "show", "node", "-o"});
  if (!nodes) return std::nullopt;
  SlurmAnswer answer;
  answer.how = "scontrol";
  answer.state.nodes = read_scontrol_nodes(*nodes);
  // -a: partitions that are hidden from others may be open to the user.
  answer.state.partitions =
      read_scontrol_partitions(ask({"scontrol", "show", "partition", "-o", "-a"}).value_or(""));
  answer.state.cluster_name = read_cluster_name(ask({"scontrol", "show", "config"}).value_or(""));
  return answer;
}

}  // namespace

SlurmAnswer ask_slurm() {
  if (std::optional<SlurmAnswer> answer = ask_scontrol()) return *answer;
  const std::optional<std::string> lines = ask({"sinfo", "-h", "-a", "-e", "-o", kSinfoFormat});
  if (!lines)
    throw FileError(
        "neither scontrol nor sinfo is on PATH; run planner detect slurm on a login node");
  return {read_sinfo(*lines), "sinfo"};
}

}  // namespace isoflop
