// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/backend.hpp"
#include "trainer/comm/process_grid.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace isoflop {

/// Whether the ranks' builds and GPUs are fit for a run that takes so many bytes of each, before
/// anything is allocated. What is not ends it, as below; what makes it slow is said by the first
/// rank that it holds for. A rank keeps to those of its processors that are beside its GPU.
/// Collective over all ranks.
void check_ranks(const Backend& backend, int64_t needed_bytes, Launch& launch);

/// What must be alike on all ranks, or else a run computes with different kernels, or at the pace
/// of the slowest.
struct RankBuild {
  std::string trainer;    ///< version and commit
  std::string gpu;        ///< as it calls itself; empty: a CPU
  std::string libraries;  ///< of products, attention and collectives
  std::string driver;     ///< may differ, which is said
};

RankBuild build_of(const Backend& backend);

/// Compares this rank's with rank 0's. Collective over all ranks. Throws DeviceMissingError on all
/// of them, naming the first rank that differs and in what; a driver that differs is a warning.
void check_equal_builds(const RankBuild& own, Launch& launch);

/// Collective over all ranks. Throws DeviceMissingError on all of them, naming two, when a GPU has
/// more than one rank: NCCL would refuse it on every rank, naming none.
void check_own_gpu(const std::string& pci_bus_id, Launch& launch);

/// Throws DeviceMissingError when other processes hold memory of the GPU that the run needs. What
/// it could not have had of an empty GPU either is left to the first allocation, which says what
/// helps.
void check_free_memory(const GpuFacts& facts, int64_t needed_bytes, const RankInfo& info);

/// What may end the run in its first steps, or makes this rank slower than it could be: too little
/// memory besides what the run takes, memory in use by others, GPUs that do not reach each other,
/// processors far from the GPU (`has_near_processors` false).
std::vector<std::string> warnings_about(const GpuFacts& facts, int64_t needed_bytes,
                                        bool has_near_processors);

}  // namespace isoflop
