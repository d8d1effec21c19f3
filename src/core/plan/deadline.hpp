// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/config_node.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace isoflop {

/// schedule.deadline: when the run has to be over.
struct Deadline {
  enum class Kind {
    at,            ///< `seconds` is Unix time: the same after a restart
    after_start,   ///< `seconds` from the start of this job
    slurm_job_end  ///< the end of the Slurm job's time limit; `seconds` is 0
  };
  Kind kind = Kind::at;
  int64_t seconds = 0;

  bool operator==(const Deadline&) const = default;
};

/// From "2026-11-22T06:00:00Z", "+01:30:00" or "slurm". Throws ConfigError.
Deadline read_deadline(const ConfigNode& node);

/// As read_deadline reads it.
std::string to_string(const Deadline& deadline);

/// Unix time of the deadline for a job that starts at `start_s`. `slurm_job_end` is the value of
/// SLURM_JOB_END_TIME (Unix seconds, sbatch(1)), absent when it is not set. Throws ConfigError when
/// it is needed and absent, and for a deadline that is over.
double resolve(const Deadline& deadline, double start_s,
               const std::optional<std::string>& slurm_job_end);

}  // namespace isoflop
