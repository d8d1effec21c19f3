// SPDX-License-Identifier: MIT
#include "trainer/interchange/saved_model.hpp"

#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "core/parallel/flat_layout.hpp"
#include "trainer/checkpoint/checkpoint_folder.hpp"
#include "trainer/checkpoint/manifest.hpp"
#include "trainer/checkpoint/restore.hpp"

#include <fmt/format.h>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

/// With every byte read.
CheckpointReader open_whole(const fs::path& folder) {
  CheckpointReader reader(folder);
  for (int64_t file = 0; file < reader.manifest().n_files; ++file) reader.verify_file(file);
  return reader;
}

CheckpointReader open_newest(const fs::path& path) {
  if (fs::exists(path / kManifestName)) return open_whole(path);
  const CheckpointFolder folder(path);
  const std::vector<int64_t> steps = folder.steps();
  for (const int64_t step : steps) {
    try {
      return open_whole(folder.of(step));
    } catch (const FileError& error) {
      log::warn("{}; it is passed over", error.what());
    }
  }
  throw FileError(
      steps.empty()
          ? fmt::format("{}: holds no checkpoint; name a folder such as runs/NAME.checkpoints or "
                        "runs/NAME.checkpoints/step-00001000",
                        path.string())
          : fmt::format("{}: none of its {} checkpoints is whole", path.string(), steps.size()));
}

}  // namespace

SavedModel::SavedModel(const fs::path& path)
    : reader_(open_newest(path)),
      config_(read_train_config(ConfigNode::load(folder() / kCheckpointConfigName))) {
  check_tensors(reader_, make_flat_layout(config_.model, 1));
}

void SavedModel::read(int64_t tensor, int64_t offset, std::span<float> out) const {
  reader_.read({StateKind::parameter, tensor, offset, std::ssize(out)}, DType::f32,
               std::as_writable_bytes(out));
}

ModelDataset find_dataset(const SavedModel& model, const fs::path& given) {
  const fs::path& folder = given.empty() ? model.config().data.path : given;
  ModelDataset dataset{folder, std::nullopt};
  if (given.empty() && !fs::exists(folder / kDatasetIndexName)) return dataset;
  dataset.index = load_dataset_index(folder);
  if (dataset.index->vocab_size > model.shape().vocab_size)
    throw ConfigError(
        fmt::format("{}: vocab_size is {} (the model's is {}; another tokenizer's data); name "
                    "those that it was trained on with --data",
                    folder.string(), dataset.index->vocab_size, model.shape().vocab_size));
  return dataset;
}

}  // namespace isoflop
