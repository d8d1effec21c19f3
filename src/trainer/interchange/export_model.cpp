// SPDX-License-Identifier: MIT
#include "trainer/interchange/export_model.hpp"

#include "core/base/atomic_file.hpp"
#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "trainer/interchange/elements.hpp"
#include "trainer/interchange/export_tokenizer.hpp"
#include "trainer/interchange/foreign_config.hpp"
#include "trainer/interchange/foreign_tensors.hpp"
#include "trainer/interchange/new_folder.hpp"
#include "trainer/interchange/safetensors_folder.hpp"
#include "trainer/interchange/saved_model.hpp"
#include "trainer/interchange/transpose.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <string_view>
#include <vector>

namespace isoflop {
namespace {

/// Elements in memory at a time: 16 MiB of f32.
constexpr int64_t kPartElements = int64_t{1} << 22;

DType dtype_of(Precision precision) {
  switch (precision) {
    case Precision::bf16:
      return DType::bf16;
    case Precision::fp16:
      return DType::f16;
    default:
      return DType::f32;
  }
}

/// Appends values to a file as elements of one type.
class ElementWriter {
 public:
  ElementWriter(AtomicFile& file, DType dtype) : file_(file), dtype_(dtype) {}

  /// `name` is the tensor's, for messages.
  void append(std::span<const float> values, const std::string& name) {
    if (dtype_ == DType::f16) check_range(values, name);
    bytes_.resize(values.size() * static_cast<std::size_t>(size_of(dtype_)));
    narrow_elements(values, dtype_, bytes_);
    file_.append({reinterpret_cast<const char*>(bytes_.data()), bytes_.size()});
  }

 private:
  static void check_range(std::span<const float> values, const std::string& name) {
    constexpr float kFirstTooLarge = 65520;
    for (const float value : values)
      if (std::isfinite(value) && std::abs(value) >= kFirstTooLarge)
        throw ConfigError(fmt::format(
            "--dtype is 'f16' (tensor '{}' holds {}, float16 ends at 65504); write bf16 or f32",
            name, value));
  }
  AtomicFile& file_;
  DType dtype_;
  std::vector<std::byte> bytes_;
};

void write_transposed(const SavedModel& model, const ForeignTensor& tensor, ElementWriter& out) {
  std::vector<float> ours(static_cast<std::size_t>(tensor.size()));
  model.read(*tensor.tensor, tensor.offset, ours);
  out.append(transposed(ours, tensor.shape[1], tensor.shape[0]), tensor.name);
}

void write_in_parts(const SavedModel& model, const ForeignTensor& tensor, ElementWriter& out) {
  std::vector<float> part;
  for (int64_t begin = 0; begin < tensor.size(); begin += kPartElements) {
    part.assign(static_cast<std::size_t>(std::min(kPartElements, tensor.size() - begin)), 0.0F);
    if (tensor.tensor) model.read(*tensor.tensor, tensor.offset + begin, part);
    out.append(part, tensor.name);
  }
}

void write_tensor(const SavedModel& model, const ForeignTensor& tensor, ElementWriter& out) {
  if (tensor.transposed)
    write_transposed(model, tensor, out);
  else
    write_in_parts(model, tensor, out);
}

SafetensorsPlan plan_files(const std::vector<ForeignTensor>& tensors, DType dtype,
                           int64_t shard_bytes) {
  std::vector<SafetensorsTensor> headers;
  for (const ForeignTensor& tensor : tensors)
    headers.push_back({tensor.name, std::string(safetensors_dtype(dtype)), tensor.shape});
  return plan_safetensors(headers, shard_bytes);
}

/// `tensors` in the order of the plan.
void write_files(const SavedModel& model, const std::vector<ForeignTensor>& tensors,
                 const SafetensorsPlan& plan, DType dtype, const std::filesystem::path& folder) {
  auto tensor = tensors.begin();
  for (const SafetensorsPlan::File& planned : plan.files) {
    AtomicFile file(folder / planned.name);
    file.append(safetensors_header(planned.tensors));
    ElementWriter out(file, dtype);
    for (std::size_t i = 0; i < planned.tensors.size(); ++i) write_tensor(model, *tensor++, out);
    file.commit();
  }
  if (plan.files.size() > 1)
    write_text_file(folder / kSafetensorsIndexName, safetensors_index_json(plan));
}

int64_t n_elements(const std::vector<ForeignTensor>& tensors) {
  int64_t n = 0;
  for (const ForeignTensor& tensor : tensors) n += tensor.size();
  return n;
}

}  // namespace

ExportedModel export_model(const ExportRequest& request) {
  NewFolder folder(request.to);
  const SavedModel model(request.checkpoint);
  const ModelShape& shape = model.shape();
  const ForeignFamily family = foreign_family(shape, model.folder().string());
  const ModelDataset dataset = find_dataset(model, request.data);
  const int64_t vocab_size = dataset.index ? dataset.index->vocab_size : shape.vocab_size;
  const DType dtype = request.dtype.value_or(dtype_of(model.config().precision));
  const std::vector<ForeignTensor> tensors = foreign_tensors(shape, family, vocab_size);
  const SafetensorsPlan plan = plan_files(tensors, dtype, request.shard_bytes);

  write_files(model, tensors, plan, dtype, folder.writing());
  ForeignConfigDetails details{.vocab_size = vocab_size, .dtype = dtype};
  if (dataset.index) details.eot_token = dataset.index->eot_token;
  write_text_file(folder.writing() / kForeignConfigName,
                  foreign_config_json(shape, family, details));
  const std::string tokenizer = export_tokenizer(dataset, folder.writing(), shape.max_seq_len);
  folder.commit();
  return {.checkpoint = model.folder(),
          .step = model.step(),
          .family = family,
          .dtype = dtype,
          .n_parameters = n_elements(tensors),
          .bytes = plan.data_bytes,
          .n_files = std::ssize(plan.files),
          .model_vocab_size = shape.vocab_size,
          .vocab_size = vocab_size,
          .tokenizer = tokenizer};
}

}  // namespace isoflop
