// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <optional>
#include <string>

namespace isoflop {

/// Value of an environment variable; a parameter so that launch detection can be tested.
using EnvironmentLookup = std::function<std::optional<std::string>(const char* name)>;

/// The process environment.
std::optional<std::string> process_environment(const char* name);

/// What started this process. slurm_tasks: one of several tasks of a Slurm step that tells nothing
/// to MPI, as after srun without --mpi=pmix; some MPI libraries can still start from it.
enum class Launcher { none, mpi, slurm_tasks };

Launcher detect_launcher(const EnvironmentLookup& environment);

/// Tasks of the Slurm step this process belongs to; 1 outside of a step.
int slurm_step_tasks(const EnvironmentLookup& environment);

/// This process's place among those of its node, as its launcher numbers them; 0 when it does not.
int local_rank(const EnvironmentLookup& environment);

/// The name of this node: Slurm's, where it is known (several virtual nodes may share one host),
/// else the host's.
std::string node_name(const EnvironmentLookup& environment);

/// Throws FileError when nothing in the environment starts MPI for several ranks.
void check_mpi_launcher(const EnvironmentLookup& environment);

/// Throws FileError when MPI counts one process although the Slurm step has several tasks: each
/// would train the whole job by itself. A process under mpirun is exempt: there the count is
/// mpirun's.
void check_world_size(const EnvironmentLookup& environment, int world_size);

/// What to do when `tasks` tasks do not find each other.
std::string launch_advice(int tasks);

}  // namespace isoflop
