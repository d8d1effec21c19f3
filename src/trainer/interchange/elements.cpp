// SPDX-License-Identifier: MIT
#include "trainer/interchange/elements.hpp"

#include "trainer/tensor/bf16.hpp"
#include "trainer/tensor/f16.hpp"

#include <cstring>
#include <stdexcept>

namespace isoflop {
namespace {

template <typename Element, typename Convert>
void write_each(std::span<const float> values, std::span<std::byte> out, const Convert& convert) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Element element = convert(values[i]);
    std::memcpy(out.data() + i * sizeof(Element), &element, sizeof(Element));
  }
}

template <typename Element, typename Convert>
void read_each(std::span<const std::byte> in, std::span<float> values, const Convert& convert) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    Element element;
    std::memcpy(&element, in.data() + i * sizeof(Element), sizeof(Element));
    values[i] = convert(element);
  }
}

}  // namespace

void narrow_elements(std::span<const float> values, DType dtype, std::span<std::byte> out) {
  switch (dtype) {
    case DType::f64:
      return write_each<double>(values, out, [](float value) { return double{value}; });
    case DType::f32:
      return write_each<float>(values, out, [](float value) { return value; });
    case DType::bf16:
      return write_each<Bf16>(values, out, [](float value) { return to_bf16(value); });
    case DType::f16:
      return write_each<F16>(values, out, [](float value) { return to_f16(value); });
    default:
      throw std::logic_error("elements are floating-point numbers");
  }
}

void widen_elements(std::span<const std::byte> in, DType dtype, std::span<float> values) {
  switch (dtype) {
    case DType::f32:
      return read_each<float>(in, values, [](float value) { return value; });
    case DType::bf16:
      return read_each<Bf16>(in, values, [](Bf16 value) { return to_float(value); });
    case DType::f16:
      return read_each<F16>(in, values, [](F16 value) { return to_float(value); });
    default:
      throw std::logic_error("elements are read from 4 or 2 bytes");
  }
}

}  // namespace isoflop
