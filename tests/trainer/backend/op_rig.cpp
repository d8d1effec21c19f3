// SPDX-License-Identifier: MIT
#include "op_rig.hpp"

#include "trainer/tensor/bf16.hpp"
#include "trainer/tensor/f16.hpp"

#include <algorithm>
#include <cstring>
#include <random>
#include <stdexcept>
#include <utility>

namespace isoflop {
namespace {

template <typename T>
std::vector<std::byte> encode(std::span<const double> values) {
  std::vector<std::byte> bytes(values.size() * sizeof(T));
  for (std::size_t i = 0; i < values.size(); ++i) {
    T element;
    if constexpr (std::is_same_v<T, Bf16>)
      element = to_bf16(static_cast<float>(values[i]));
    else if constexpr (std::is_same_v<T, F16>)
      element = to_f16(static_cast<float>(values[i]));
    else
      element = static_cast<T>(values[i]);
    std::memcpy(&bytes[i * sizeof(T)], &element, sizeof(T));
  }
  return bytes;
}

template <typename T>
std::vector<double> decode(const std::vector<std::byte>& bytes) {
  std::vector<double> values(bytes.size() / sizeof(T));
  for (std::size_t i = 0; i < values.size(); ++i) {
    T element;
    std::memcpy(&element, &bytes[i * sizeof(T)], sizeof(T));
    if constexpr (std::is_same_v<T, Bf16> || std::is_same_v<T, F16>)
      values[i] = to_float(element);
    else
      values[i] = static_cast<double>(element);
  }
  return values;
}

/// Calls f.template operator()<T>() with the C++ type of `dtype`.
template <typename F>
auto with_type(DType dtype, F f) {
  switch (dtype) {
    case DType::f64:
      return f.template operator()<double>();
    case DType::f32:
      return f.template operator()<float>();
    case DType::bf16:
      return f.template operator()<Bf16>();
    case DType::i64:
      return f.template operator()<int64_t>();
    case DType::i32:
      return f.template operator()<int32_t>();
    case DType::f16:
      return f.template operator()<F16>();
  }
  throw std::logic_error("unknown type of elements");
}

}  // namespace

OpRig::OpRig(Backend backend, std::optional<DType> inputs)
    : backend_(std::move(backend)),
      inputs_(inputs.value_or(backend_.compute_dtype)),
      arena_(*backend_.device, kArenaBytes, MemoryCategory::workspace) {}

TensorView OpRig::tensor(Extents shape, std::span<const double> values) {
  const auto rounded =
      with_type(inputs_, [&]<typename T>() { return decode<T>(encode<T>(values)); });
  return tensor(dtype(), shape, rounded);
}

TensorView OpRig::tensor(DType dtype, Extents shape, std::span<const double> values) {
  const TensorView view = fresh(dtype, shape);
  if (view.size() != static_cast<int64_t>(values.size()))
    throw std::logic_error("OpRig::tensor: as many values as elements are needed");
  const auto bytes = with_type(dtype, [&]<typename T>() { return encode<T>(values); });
  upload(view.data, bytes.data(), view.bytes());
  return view;
}

TensorView OpRig::filled(DType dtype, Extents shape, double value) {
  return tensor(dtype, shape,
                std::vector<double>(static_cast<std::size_t>(shape.product()), value));
}

TensorView OpRig::fresh(DType dtype, Extents shape) {
  const int64_t bytes = shape.product() * size_of(dtype);
  buffers_.push_back(backend_.device->allocate(bytes, MemoryCategory::state));
  return buffers_.back().view(dtype, shape);
}

StepState* OpRig::state(const StepState& value) {
  buffers_.push_back(backend_.device->allocate(sizeof(StepState), MemoryCategory::state));
  upload(buffers_.back().data(), &value, sizeof(StepState));
  return static_cast<StepState*>(buffers_.back().data());
}

StepState OpRig::read_state(const StepState* state) {
  StepState value;
  download(&value, state, sizeof(StepState));
  return value;
}

std::vector<double> OpRig::read(const TensorView& view) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(view.bytes()));
  download(bytes.data(), view.data, view.bytes());
  return with_type(view.dtype, [&]<typename T>() { return decode<T>(bytes); });
}

void OpRig::clear() {
  device().synchronize(device().record(device().compute_stream()));
  buffers_.clear();
}

void OpRig::upload(void* out, const void* in, int64_t bytes) {
  const Buffer staging = device().allocate_pinned(bytes);
  std::memcpy(staging.data(), in, static_cast<std::size_t>(bytes));
  device().copy(out, staging.data(), bytes, device().compute_stream());
  device().synchronize(device().record(device().compute_stream()));
}

void OpRig::download(void* out, const void* in, int64_t bytes) {
  const Buffer staging = device().allocate_pinned(bytes);
  device().copy(staging.data(), in, bytes, device().compute_stream());
  device().synchronize(device().record(device().compute_stream()));
  std::memcpy(out, staging.data(), static_cast<std::size_t>(bytes));
}

std::vector<double> random_values(int64_t n, uint64_t seed, double low, double high) {
  std::mt19937_64 engine(seed);
  std::vector<double> values(static_cast<std::size_t>(n));
  for (double& value : values) {
    const double unit = static_cast<double>(engine() >> 11) * 0x1p-53;
    value = static_cast<double>(static_cast<float>(low + (high - low) * unit));
  }
  return values;
}

}  // namespace isoflop
