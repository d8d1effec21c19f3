// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/convert.hpp"
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/cpu/cpu_ops.hpp"
#include "trainer/backend/cpu/parallel.hpp"
#include "trainer/backend/cpu/vectorise.hpp"
#include "trainer/backend/op_contracts.hpp"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

namespace isoflop {
namespace {

/// One cache line of floats.
constexpr int64_t kGrain = 16;

ISOFLOP_VECTORISE void add_to(float* out, const float* in, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] += in[i];
}

/// Elements [begin, end) of out = in; one of the types is f32.
void convert(const TensorView& out, const TensorView& in, int64_t begin, int64_t end) {
  void* const to = element(out.data, out.dtype, begin);
  const void* const from = element(std::as_const(in.data), in.dtype, begin);
  if (out.dtype == DType::f32)
    widen(static_cast<float*>(to), from, in.dtype, end - begin);
  else
    narrow(to, out.dtype, static_cast<const float*>(from), end - begin);
}

bool is_float(DType type) {
  return type == DType::f32 || type == DType::bf16 || type == DType::f16;
}

bool can_convert(DType out, DType in) {
  return is_float(out) && is_float(in) && (out == DType::f32 || in == DType::f32);
}

}  // namespace

void CpuOps::accumulate(const Exec& exec, TensorView out, TensorView in) {
  check_same_size(out, in);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    parallel_for(out.size(), kGrain, out.size(), [&](int64_t begin, int64_t end) {
      add_to(out.as<float>() + begin, in.as<float>() + begin, end - begin);
    });
  });
}

void CpuOps::cast(const Exec& exec, TensorView out, TensorView in) {
  check_same_size(out, in);
  if (!can_convert(out.dtype, in.dtype))
    throw std::logic_error(fmt::format("CPU cast from {} to {} is not defined", to_string(in.dtype),
                                       to_string(out.dtype)));
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    parallel_for(out.size(), kGrain, out.size(),
                 [&](int64_t begin, int64_t end) { convert(out, in, begin, end); });
  });
}

}  // namespace isoflop
