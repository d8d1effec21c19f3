// SPDX-License-Identifier: MIT
#pragma once

#include "core/data/dataset_index.hpp"
#include "core/plan/train_config.hpp"
#include "trainer/checkpoint/checkpoint_reader.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>

namespace isoflop {

/// A checkpoint and the configuration of its run.
class SavedModel {
 public:
  /// `path`: a checkpoint's folder, or a folder of them, of which the newest whole one is taken and
  /// damaged ones are named by a warning. Every byte is read. Throws FileError when there is none.
  explicit SavedModel(const std::filesystem::path& path);

  const CheckpointReader& reader() const { return reader_; }
  const std::filesystem::path& folder() const { return reader_.folder(); }
  int64_t step() const { return reader_.manifest().step; }
  const TrainConfig& config() const { return config_; }
  const ModelShape& shape() const { return config_.model; }
  /// Elements [offset, offset + out.size()) of a parameter (units in order, tensors in order).
  void read(int64_t tensor, int64_t offset, std::span<float> out) const;

 private:
  CheckpointReader reader_;
  TrainConfig config_;
};

/// Where the dataset is that tells the tokenizer: `given`, or else that of the run, as far as it is
/// there.
struct ModelDataset {
  std::filesystem::path folder;
  std::optional<DatasetIndex> index;  ///< absent: there is none
};

/// Throws FileError when `given` is no dataset; ConfigError when it has more ids than the model.
ModelDataset find_dataset(const SavedModel& model, const std::filesystem::path& given);

}  // namespace isoflop
