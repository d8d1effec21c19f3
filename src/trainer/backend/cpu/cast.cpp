// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/cpu/cpu_ops.hpp"
#include "trainer/backend/cpu/parallel.hpp"
#include "trainer/backend/cpu/vectorise.hpp"
#include "trainer/backend/op_contracts.hpp"
#include "trainer/tensor/bf16.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace isoflop {
namespace {

/// One cache line of floats.
constexpr int64_t kGrain = 16;

ISOFLOP_VECTORISE void add_to(float* out, const float* in, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] += in[i];
}

ISOFLOP_VECTORISE void widen(float* out, const Bf16* in, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] = to_float(in[i]);
}

ISOFLOP_VECTORISE void narrow(Bf16* out, const float* in, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] = to_bf16(in[i]);
}

/// Elements [begin, end) of out = in; the types are checked by CpuOps::cast.
void convert(const TensorView& out, const TensorView& in, int64_t begin, int64_t end) {
  if (out.dtype == DType::bf16)
    narrow(static_cast<Bf16*>(out.data) + begin, in.as<float>() + begin, end - begin);
  else if (in.dtype == DType::bf16)
    widen(out.as<float>() + begin, static_cast<const Bf16*>(in.data) + begin, end - begin);
  else
    std::copy(in.as<float>() + begin, in.as<float>() + end, out.as<float>() + begin);
}

bool can_convert(DType out, DType in) {
  return (out == DType::f32 && (in == DType::f32 || in == DType::bf16)) ||
         (out == DType::bf16 && in == DType::f32);
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
