// SPDX-License-Identifier: MIT
#include "trainer/comm/job_place.hpp"

#include "core/base/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

namespace isoflop {
namespace {

struct PlaceVariables {
  JobPlace::Source source;
  const char* rank;
  const char* world_size;
};

/// What was set for this very process comes first: below torchrun or mpirun, Slurm's variables are
/// those of the node's daemon. A Slurm batch script has SLURM_PROCID but no step.
constexpr std::array kPlaceVariables = {
    PlaceVariables{JobPlace::Source::variables, "RANK", "WORLD_SIZE"},
    PlaceVariables{JobPlace::Source::open_mpi, "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"},
    PlaceVariables{JobPlace::Source::pmi, "PMI_RANK", "PMI_SIZE"},
    PlaceVariables{JobPlace::Source::slurm, "SLURM_PROCID", "SLURM_STEP_NUM_TASKS"}};

constexpr std::size_t kMaxJobId = 128;

int whole_number(const EnvironmentLookup& environment, const char* name) {
  const std::string text = environment(name).value_or("");
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0)
    throw FileError(fmt::format(
        "environment: {} is '{}' (must be a whole number); correct or unset it", name, text));
  return value;
}

JobPlace read_place(const EnvironmentLookup& environment, const PlaceVariables& variables) {
  JobPlace place;
  place.rank = whole_number(environment, variables.rank);
  place.world_size = whole_number(environment, variables.world_size);
  place.source = variables.source;
  if (place.rank >= place.world_size)
    throw FileError(fmt::format(
        "environment: {} is '{}' (must be below {}, which is {}); give every process its own rank, "
        "0 to {} - 1",
        variables.rank, place.rank, variables.world_size, place.world_size, variables.world_size));
  return place;
}

/// In names of files and in lines of text.
std::string without_special_characters(std::string text) {
  std::replace_if(
      text.begin(), text.end(),
      [](unsigned char c) { return !std::isalnum(c) && c != '.' && c != '_' && c != '-'; }, '_');
  return text;
}

std::string launchers_job_id(const EnvironmentLookup& environment, JobPlace::Source source) {
  switch (source) {
    case JobPlace::Source::slurm:
      return slurm_job_id(environment);
    case JobPlace::Source::open_mpi:
    case JobPlace::Source::pmi:
      return environment("PMIX_NAMESPACE").value_or(environment("PMI_JOBID").value_or(""));
    case JobPlace::Source::variables:
      break;
  }
  const std::optional<std::string> run = environment("TORCHELASTIC_RUN_ID");
  if (!run) return "";
  return *run + "." + environment("TORCHELASTIC_RESTART_COUNT").value_or("0");
}

std::string job_id(const EnvironmentLookup& environment, JobPlace::Source source) {
  const std::optional<std::string> given = environment("ISOFLOP_JOB_ID");
  if (!given) return without_special_characters(launchers_job_id(environment, source));
  if (given->empty() || given->size() > kMaxJobId || without_special_characters(*given) != *given)
    throw FileError(
        fmt::format("environment: ISOFLOP_JOB_ID is '{}' (must be 1 to {} letters, digits, '.', "
                    "'_' or '-'); correct or unset it",
                    *given, kMaxJobId));
  return *given;
}

}  // namespace

JobPlace find_job_place(const EnvironmentLookup& environment) {
  for (const PlaceVariables& variables : kPlaceVariables) {
    if (!environment(variables.rank) || !environment(variables.world_size)) continue;
    JobPlace place = read_place(environment, variables);
    place.job_id = job_id(environment, place.source);
    return place;
  }
  throw FileError(
      "nothing in the environment says which rank this process is (RANK and WORLD_SIZE, or those "
      "of Open MPI, PMI or a Slurm step); start it with srun, or set RANK (0, 1, ...) and "
      "WORLD_SIZE for every process");
}

std::string slurm_job_id(const EnvironmentLookup& environment) {
  return fmt::format("{}.{}.{}", environment("SLURM_JOB_ID").value_or(""),
                     environment("SLURM_STEP_ID").value_or(""),
                     environment("SLURM_RESTART_COUNT").value_or("0"));
}

}  // namespace isoflop
