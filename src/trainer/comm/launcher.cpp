// SPDX-License-Identifier: MIT
#include "trainer/comm/launcher.hpp"

#include "core/base/error.hpp"

#include <climits>
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstdlib>
#include <unistd.h>

namespace isoflop {
namespace {

/// Set per process by: Open MPI's mpirun, MPICH's and Intel MPI's, torchrun, Slurm. Slurm's comes
/// last: under an mpirun inside a batch script it is the script's own, 0 everywhere.
constexpr std::array kLocalRankVariables = {"OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID",
                                            "PMI_LOCAL_RANK", "LOCAL_RANK", "SLURM_LOCALID"};

/// Set per process by: PMIx (Slurm, PRRTE), PMI-1/2 (Slurm, MPICH, Intel MPI), Open MPI's mpirun.
constexpr std::array kProcessManagerVariables = {"PMIX_RANK", "PMI_RANK", "OMPI_COMM_WORLD_SIZE"};

/// Absent when it is not set or does not start with a number.
std::optional<int> integer_variable(const EnvironmentLookup& environment, const char* name) {
  const std::optional<std::string> text = environment(name);
  if (!text) return std::nullopt;
  int value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  return error == std::errc() ? std::optional(value) : std::nullopt;
}

}  // namespace

std::optional<std::string> process_environment(const char* name) {
  const char* value = std::getenv(name);
  if (!value) return std::nullopt;
  return value;
}

Launcher detect_launcher(const EnvironmentLookup& environment) {
  for (const char* name : kProcessManagerVariables)
    if (environment(name)) return Launcher::mpi;
  return slurm_step_tasks(environment) > 1 ? Launcher::slurm_tasks : Launcher::none;
}

int slurm_step_tasks(const EnvironmentLookup& environment) {
  const std::optional<int> tasks = integer_variable(environment, "SLURM_STEP_NUM_TASKS");
  return tasks && environment("SLURM_PROCID") ? *tasks : 1;
}

int local_rank(const EnvironmentLookup& environment) {
  for (const char* name : kLocalRankVariables)
    if (const std::optional<int> rank = integer_variable(environment, name)) return *rank;
  return 0;
}

std::string node_name(const EnvironmentLookup& environment) {
  if (const std::optional<std::string> name = environment("SLURMD_NODENAME")) return *name;
  std::array<char, HOST_NAME_MAX + 1> host{};
  if (::gethostname(host.data(), HOST_NAME_MAX) != 0) return "unknown-host";
  return host.data();
}

void check_mpi_launcher(const EnvironmentLookup& environment) {
  if (detect_launcher(environment) != Launcher::none || environment("SLURM_STEP_NUM_TASKS")) return;
  throw FileError(
      "--bootstrap mpi: no MPI launcher started this process (none of PMIX_RANK, PMI_RANK, "
      "OMPI_COMM_WORLD_SIZE and SLURM_STEP_NUM_TASKS is set); start it with 'srun --mpi=pmix' or "
      "'mpirun', leave the option out for one rank, or use --bootstrap tcp or file");
}

void check_world_size(const EnvironmentLookup& environment, int world_size) {
  const int tasks = slurm_step_tasks(environment);
  if (world_size > 1 || tasks == 1 || environment("OMPI_COMM_WORLD_SIZE")) return;
  throw FileError(
      fmt::format("MPI found 1 process although the Slurm step has '{}' tasks (each would train "
                  "the whole job alone); {}",
                  tasks, launch_advice(tasks)));
}

std::string launch_advice(int tasks) {
  return fmt::format(
      "start it with 'srun --mpi=pmix -n {0}' ('srun --mpi=list' names the types this cluster "
      "has; pmi2 for MPI libraries built for it) or 'mpirun -n {0}', or without MPI: 'srun "
      "--mpi=none -n {0} trainer --bootstrap tcp'",
      tasks);
}

}  // namespace isoflop
