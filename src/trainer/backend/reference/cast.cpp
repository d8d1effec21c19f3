// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/op_contracts.hpp"
#include "trainer/backend/reference/reference_ops.hpp"
#include "trainer/tensor/bf16.hpp"

#include <fmt/format.h>

#include <stdexcept>

namespace isoflop {
namespace {

[[noreturn]] void reject(DType dtype) {
  throw std::logic_error(fmt::format("reference cast of {} is not defined", to_string(dtype)));
}

double load(const TensorView& view, int64_t i) {
  switch (view.dtype) {
    case DType::f64:
      return view.as<double>()[i];
    case DType::f32:
      return view.as<float>()[i];
    case DType::bf16:
      return to_float(static_cast<const Bf16*>(view.data)[i]);
    default:
      reject(view.dtype);
  }
}

void store(const TensorView& view, int64_t i, double value) {
  switch (view.dtype) {
    case DType::f64:
      view.as<double>()[i] = value;
      return;
    case DType::f32:
      view.as<float>()[i] = static_cast<float>(value);
      return;
    case DType::bf16:
      static_cast<Bf16*>(view.data)[i] = to_bf16(static_cast<float>(value));
      return;
    default:
      reject(view.dtype);
  }
}

}  // namespace

void ReferenceOps::accumulate(const Exec& exec, TensorView out, TensorView in) {
  check_same_size(out, in);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    for (int64_t i = 0; i < out.size(); ++i) out.as<double>()[i] += in.as<double>()[i];
  });
}

void ReferenceOps::cast(const Exec& exec, TensorView out, TensorView in) {
  check_same_size(out, in);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    for (int64_t i = 0; i < out.size(); ++i) store(out, i, load(in, i));
  });
}

}  // namespace isoflop
