// SPDX-License-Identifier: MIT
#pragma once

#include "planner/detect/slurm_state.hpp"

#include <string>

namespace isoflop {

/// What Slurm says of itself, and which of its programs said so.
struct SlurmAnswer {
  SlurmState state;
  std::string how;
};

/// Asks scontrol, or sinfo where scontrol is not there. Throws FileError without either and when
/// Slurm does not answer.
SlurmAnswer ask_slurm();

}  // namespace isoflop
