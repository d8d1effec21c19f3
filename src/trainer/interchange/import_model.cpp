// SPDX-License-Identifier: MIT
#include "trainer/interchange/import_model.hpp"

#include "core/base/build_info.hpp"
#include "core/base/format.hpp"
#include "core/base/text_file.hpp"
#include "core/model/param_count.hpp"
#include "core/plan/train_config.hpp"
#include "trainer/checkpoint/checkpoint_reader.hpp"
#include "trainer/checkpoint/manifest.hpp"
#include "trainer/checkpoint/state_file.hpp"
#include "trainer/interchange/foreign_match.hpp"
#include "trainer/interchange/new_folder.hpp"
#include "trainer/interchange/transpose.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kStep = 0;

/// Writes pieces of parameters as state files, each when as much is gathered as it may hold. To
/// the checkpoint's readers each file is a rank's.
class StateFiles {
 public:
  StateFiles(const fs::path& folder, int64_t n_files) : folder_(folder), n_files_(n_files) {}

  void add(int64_t tensor, int64_t offset, std::vector<float> values) {
    const int64_t n = std::ssize(values);
    values_.push_back(std::move(values));
    pieces_.push_back(
        {StateKind::parameter, tensor, offset, TensorView(values_.back().data(), DType::f32, {n})});
  }
  void write() {
    write_state_file(folder_ / state_file_name(n_written_), {kStep, n_written_, n_files_}, pieces_);
    ++n_written_;
    pieces_.clear();
    values_.clear();
  }

 private:
  const fs::path& folder_;
  int64_t n_files_;
  int64_t n_written_ = 0;
  std::vector<std::vector<float>> values_;
  std::vector<StatePiece> pieces_;
};

/// Elements [begin, begin + size) of a foreign tensor, which are read at once.
struct Part {
  const ForeignTensor* tensor = nullptr;
  int64_t begin = 0;
  int64_t size = 0;
};

/// Parts by file: as many elements as a file may hold, or one tensor that has to be whole.
std::vector<std::vector<Part>> plan_parts(const std::vector<ForeignTensor>& tensors,
                                          int64_t part_elements) {
  std::vector<std::vector<Part>> files(1);
  int64_t in_file = 0;
  for (const ForeignTensor& tensor : tensors) {
    const int64_t step = tensor.transposed ? tensor.size() : part_elements;
    for (int64_t begin = 0; begin < tensor.size(); begin += step) {
      const int64_t size = std::min(step, tensor.size() - begin);
      if (in_file > 0 && in_file + size > part_elements) {
        files.emplace_back();
        in_file = 0;
      }
      files.back().push_back({&tensor, begin, size});
      in_file += size;
    }
  }
  return files;
}

std::vector<float> read_part(const SafetensorsFolder& folder, const Part& part) {
  const ForeignTensor& tensor = *part.tensor;
  std::vector<float> values(static_cast<std::size_t>(part.size));
  folder.read(tensor.name, part.begin, values);
  return tensor.transposed ? transposed(values, tensor.shape[0], tensor.shape[1]) : values;
}

int64_t write_parameters(const ForeignMatch& match, const SafetensorsFolder& from,
                         int64_t part_elements, const fs::path& to) {
  const std::vector<std::vector<Part>> files = plan_parts(match.tensors, part_elements);
  StateFiles out(to, std::ssize(files));
  for (const std::vector<Part>& file : files) {
    for (const Part& part : file)
      out.add(part.tensor->tensor.value(), part.tensor->offset + part.begin, read_part(from, part));
    out.write();
  }
  return std::ssize(files);
}

Precision precision_of(const std::string& dtype) {
  if (dtype == safetensors_dtype(DType::bf16)) return Precision::bf16;
  return Precision::fp32;
}

/// A run that trains on for 1,000 steps, to be adapted.
TrainConfig starting_config(const ImportRequest& request, const ModelShape& shape,
                            const std::string& dtype) {
  TrainConfig config;
  config.run.name = request.to.filename().string() + "-trained";
  config.model = shape;
  config.data = {request.data, std::min<int64_t>(shape.max_seq_len, 2048)};
  config.layout = {.micro_batch_size = 1, .global_batch_size = 64};
  config.precision = precision_of(dtype);
  config.optimizer.lr = 3e-5;
  config.schedule = {.steps = 1000, .warmup_steps = 100};
  config.checkpoint.from = fs::absolute(request.to);
  return config;
}

constexpr const char* kConfigHeader =
    "Trains on from this checkpoint, whose parameters were imported: trainer config.yaml.\n"
    "data, layout, optimizer and schedule are a beginning; set them, and run.name, as you need.";

void write_checkpoint_head(const TrainConfig& config, int64_t n_files, const fs::path& folder) {
  CheckpointManifest manifest;
  manifest.step = kStep;
  manifest.n_files = n_files;
  manifest.run = config.run.name;
  manifest.created = utc_timestamp();
  manifest.creator = fmt::format("trainer import {}", build_version());
  manifest.loss_scale.scale = config.loss_scale.initial;
  write_index(folder, manifest);
  write_text_file(folder / kCheckpointConfigName, write_train_config(config, kConfigHeader));
  write_manifest(folder, manifest);
}

}  // namespace

ImportedModel import_model(const ImportRequest& request) {
  NewFolder folder(request.to);
  const ForeignModel model = read_foreign_model(request.from);
  const SafetensorsFolder weights(request.from);
  const ForeignMatch match = match_tensors(model, weights);
  const std::string dtype = weights.tensor(match.tensors.front().name).dtype;
  const int64_t n_files = write_parameters(match, weights, request.part_elements, folder.writing());
  write_checkpoint_head(starting_config(request, model.shape, dtype), n_files, folder.writing());
  folder.commit();
  return {.family = model.family,
          .short_name = short_name(model.shape),
          .n_parameters = count_params(model.shape).total(),
          .dtype = dtype,
          .ignored = match.ignored};
}

}  // namespace isoflop
