// SPDX-License-Identifier: MIT
#include "trainer/interchange/loaded_parameters.hpp"

#include "core/model/parameter_list.hpp"
#include "trainer/interchange/elements.hpp"

#include <algorithm>
#include <stdexcept>

namespace isoflop {
namespace {

constexpr int64_t kStagedElements = int64_t{1} << 20;

/// Brings tensors to the device, part by part.
class Loader {
 public:
  Loader(const SavedModel& model, const Backend& backend)
      : model_(model),
        device_(*backend.device),
        dtype_(backend.compute_dtype),
        staging_(device_.allocate_pinned(kStagedElements * size_of(dtype_))) {}

  void load(int64_t tensor, TensorView out) {
    for (int64_t begin = 0; begin < out.size(); begin += kStagedElements) {
      const int64_t n = std::min(kStagedElements, out.size() - begin);
      part_.resize(static_cast<std::size_t>(n));
      model_.read(tensor, begin, part_);
      const TensorView staged = staging_.view(dtype_, {n});
      narrow_elements(
          part_, dtype_,
          {static_cast<std::byte*>(staged.data), static_cast<std::size_t>(staged.bytes())});
      const Stream stream = device_.compute_stream();
      device_.copy(out.flat_slice(begin, {n}).data, staged.data, staged.bytes(), stream);
      device_.synchronize(device_.record(stream));
    }
  }

 private:
  const SavedModel& model_;
  Device& device_;
  DType dtype_;
  Buffer staging_;
  std::vector<float> part_;
};

int64_t bytes_of(const std::vector<ParameterUnit>& units, DType dtype) {
  int64_t bytes = 0;
  for (const ParameterUnit& unit : units)
    for (const ParameterTensor& tensor : unit.tensors)
      bytes += aligned_bytes(tensor.size() * size_of(dtype));
  return bytes;
}

Extents extents_of(const ParameterTensor& tensor) {
  if (tensor.shape.size() == 1) return {tensor.shape[0]};
  return {tensor.shape.at(0), tensor.shape.at(1)};
}

}  // namespace

LoadedParameters::LoadedParameters(const SavedModel& model, const Backend& backend) {
  const std::vector<ParameterUnit> units = parameter_units(model.shape());
  const DType dtype = backend.compute_dtype;
  memory_ = backend.device->allocate(bytes_of(units, dtype), MemoryCategory::parameters);
  Loader loader(model, backend);
  int64_t offset = 0;
  int64_t number = 0;
  for (const ParameterUnit& unit : units) {
    std::vector<TensorView>& views = units_.emplace_back();
    for (const ParameterTensor& tensor : unit.tensors) {
      views.emplace_back(static_cast<std::byte*>(memory_.data()) + offset, dtype,
                         extents_of(tensor));
      loader.load(number++, views.back());
      offset += aligned_bytes(views.back().bytes());
    }
  }
}

UnitLease LoadedParameters::parameters(int64_t unit, Pass) {
  return {this, unit, UnitLease::Kind::parameters, units_.at(static_cast<std::size_t>(unit))};
}

UnitLease LoadedParameters::gradients(int64_t) {
  throw std::logic_error("a loaded model has no gradients");
}

}  // namespace isoflop
