// SPDX-License-Identifier: MIT
#pragma once

#include "core/plan/train_config.hpp"
#include "trainer/checkpoint/checkpoint_reader.hpp"
#include "trainer/comm/process_grid.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>

namespace isoflop {

/// The checkpoint that this start goes on from: the newest whole one of the run, or else
/// checkpoint.from; none for a run that begins. Every byte is read and checked, by all ranks
/// together; those that are damaged are named by a warning and passed over. Collective. Throws
/// FileError when there are checkpoints and none is whole, when checkpoint.resume is off and the
/// run has some, and when the training data are others; ConfigError naming the key in which the run
/// differs from the one that wrote it.
std::optional<CheckpointReader> choose_checkpoint(const TrainConfig& config, uint32_t data_crc32,
                                                  Launch& launch);

/// Throws ConfigError naming the first key whose value leads to another training: of the model,
/// the data, the seed, the global batch, precision, optimizer and schedule. What a run may change
/// when it goes on: names and folders, ranks, strategy, micro batch, recomputation, evaluation,
/// metrics, device, checkpoints.
void check_same_training(const TrainConfig& saved, const TrainConfig& now,
                         const std::filesystem::path& checkpoint);

}  // namespace isoflop
