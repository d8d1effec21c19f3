// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/comm/launcher.hpp"

#include <string>

namespace isoflop {

/// Which process of which job this is, as the environment tells without MPI.
struct JobPlace {
  enum class Source { variables, open_mpi, pmi, slurm };

  int rank = 0;
  int world_size = 1;
  Source source = Source::variables;
  /// Equal in all processes of one start of a job and in no other start; empty where nothing tells.
  /// Letters, digits, '.', '_' and '-' only.
  std::string job_id = {};
};

/// Looks for RANK and WORLD_SIZE (as torchrun sets them), then Open MPI's, PMI's and Slurm's
/// variables; the job's identity is ISOFLOP_JOB_ID, or what the same launcher tells. Throws
/// FileError when there are none, or they contradict themselves.
JobPlace find_job_place(const EnvironmentLookup& environment);

/// Source: Slurm's srun(1): numbers of job and step, and how often the job was requeued.
std::string slurm_job_id(const EnvironmentLookup& environment);

}  // namespace isoflop
