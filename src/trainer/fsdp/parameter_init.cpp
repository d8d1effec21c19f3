// SPDX-License-Identifier: MIT
#include "trainer/fsdp/parameter_init.hpp"

#include "trainer/tensor/philox.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>

namespace isoflop {
namespace {

constexpr int64_t kStagedElements = 1 << 18;

/// In (0, 1): the middle of one of 2^32 equal parts.
double uniform(uint32_t word) { return (static_cast<double>(word) + 0.5) * 0x1p-32; }

/// One value of a tensor as a function of the element.
class InitialValue {
 public:
  InitialValue(ParameterInit init, const ModelShape& shape, uint64_t seed, int64_t tensor)
      : seed_(seed), tensor_(tensor) {
    switch (init) {
      case ParameterInit::normal:
        std_ = shape.init_std;
        break;
      case ParameterInit::residual_normal:
        std_ = shape.init_std / std::sqrt(2.0 * static_cast<double>(shape.n_layer));
        break;
      case ParameterInit::ones:
        constant_ = 1;
        break;
      case ParameterInit::zeros:
        break;
    }
  }
  double operator()(int64_t element) const {
    return std_ > 0 ? std_ * standard_normal(seed_, tensor_, element) : constant_;
  }

 private:
  uint64_t seed_;
  int64_t tensor_;
  double std_ = 0;
  double constant_ = 0;
};

template <typename T>
void fill(T* out, int64_t count, int64_t first_element, const InitialValue& value) {
  for (int64_t i = 0; i < count; ++i) out[i] = static_cast<T>(value(first_element + i));
}

void fill(TensorView out, int64_t first_element, const InitialValue& value) {
  if (out.dtype == DType::f32)
    fill(out.as<float>(), out.size(), first_element, value);
  else if (out.dtype == DType::f64)
    fill(out.as<double>(), out.size(), first_element, value);
  else
    throw std::logic_error("master parameters are f32 or f64");
}

/// Fills `params` from the host in parts that fit the staging buffer.
void write(Device& device, const Buffer& staging, TensorView params, int64_t first_element,
           const InitialValue& value) {
  const Stream stream = device.compute_stream();
  for (int64_t begin = 0; begin < params.size(); begin += kStagedElements) {
    const int64_t count = std::min(kStagedElements, params.size() - begin);
    const TensorView part = params.flat_slice(begin, {count});
    fill(staging.view(params.dtype, {count}), first_element + begin, value);
    device.copy(part.data, staging.data(), part.bytes(), stream);
    device.synchronize(device.record(stream));
  }
}

}  // namespace

double standard_normal(uint64_t seed, int64_t tensor, int64_t element) {
  const auto block = static_cast<uint64_t>(element / 4);
  const std::array<uint32_t, 4> words =
      philox4x32({static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32),
                  static_cast<uint32_t>(tensor), 0},
                 {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
  const std::size_t pair = element % 4 < 2 ? 0 : 2;
  const double radius = std::sqrt(-2 * std::log(uniform(words[pair])));
  const double angle = 2 * std::numbers::pi * uniform(words[pair + 1]);
  return radius * (element % 2 == 0 ? std::cos(angle) : std::sin(angle));
}

void initialize_shard(const FlatShard& shard, Device& device, const ModelShape& shape,
                      uint64_t seed) {
  const TensorView params = shard.params();
  const Buffer staging = device.allocate_pinned(kStagedElements * size_of(params.dtype));
  for (const ShardPiece& piece : shard.pieces()) {
    const InitialValue value(tensor_of(shard.layout(), piece).init, shape, seed, piece.tensor);
    write(device, staging, params.flat_slice(shard.params_offset(piece), {piece.size}),
          piece.tensor_offset, value);
  }
}

void initialize_parameters(ParameterEngine& engine, Device& device, const ModelShape& shape,
                           uint64_t seed) {
  initialize_shard(engine.shard(), device, shape, seed);
  engine.parameters_changed();
}

}  // namespace isoflop
