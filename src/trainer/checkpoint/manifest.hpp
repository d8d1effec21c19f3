// SPDX-License-Identifier: MIT
#pragma once

#include "core/data/dataset_index.hpp"
#include "trainer/backend/step_state.hpp"
#include "trainer/optim/decay_plan.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace isoflop {

/// What a checkpoint is beside its tensors: everything that a run goes on from. The next sample
/// follows from the step (BatchSchedule::samples_before), dropout from the sample and the seed.
struct CheckpointManifest {
  std::string run;      ///< its name
  std::string created;  ///< UTC
  std::string creator;  ///< program and version
  int64_t step = 0;     ///< steps done
  int64_t n_files = 0;
  int64_t bytes = 0;         ///< of all state files
  uint32_t index_crc32 = 0;  ///< of the file `index`
  int64_t n_update = 0;      ///< steps that were not skipped
  StepState::LossScale loss_scale;
  std::optional<DecayPlan> decay;  ///< chosen on the way to a deadline
  uint32_t data_crc32 = 0;         ///< of the data it is trained on
  /// Device, libraries and layout: what the bits of a run depend on beside its configuration.
  std::string arithmetic = {};
  /// Of Ops::choose_algorithms(), lines: what they depend on as well. Empty: nothing was chosen.
  std::string algorithms = {};
};

/// Of the checksums of all training shards: which data a run is trained on.
uint32_t data_crc32(const DatasetIndex& index);

inline constexpr const char* kManifestName = "checkpoint.yaml";
/// The configuration that the run had, beside the manifest.
inline constexpr const char* kCheckpointConfigName = "config.yaml";

/// Throws FileError.
void write_manifest(const std::filesystem::path& folder, const CheckpointManifest& manifest);
/// Throws FileError when there is none or its checksum does not hold.
CheckpointManifest read_manifest(const std::filesystem::path& folder);

}  // namespace isoflop
