// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/checkpoint/checkpoint_reader.hpp"
#include "trainer/checkpoint/state_piece.hpp"

namespace isoflop {

/// Fills the pieces from the checkpoint, through pinned memory on the compute stream; the host
/// waits. Moments of a checkpoint without updates that it does not hold become zero. Every tensor
/// must have the sizes of `layout`. Throws FileError.
void restore_state(const CheckpointReader& reader, const RankState& state, const FlatLayout& layout,
                   Device& device);

/// Throws FileError naming the first tensor whose parameters the checkpoint does not hold whole, or
/// whose size differs.
void check_tensors(const CheckpointReader& reader, const FlatLayout& layout);

}  // namespace isoflop
