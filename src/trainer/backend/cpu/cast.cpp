// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/cpu/cpu_ops.hpp"
#include "trainer/backend/cpu/element.hpp"
#include "trainer/backend/cpu/parallel.hpp"
#include "trainer/backend/op_contracts.hpp"

#include <stdexcept>

namespace isoflop {
namespace {

template <typename T>
ISOFLOP_VECTORISE void add_to(T* out, const T* in, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] = from_float<T>(to_float(out[i]) + to_float(in[i]));
}

template <typename Out, typename In>
ISOFLOP_VECTORISE void convert(Out* out, const In* in, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] = from_float<Out>(to_float(in[i]));
}

}  // namespace

void CpuOps::accumulate(const Exec& exec, TensorView out, TensorView in) {
  check_same_size(out, in);
  if (out.dtype != in.dtype) throw std::logic_error("CPU accumulate needs one dtype");
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    with_element(out.dtype, [&]<typename T>() {
      parallel_for(out.size(), kColumnGrain, out.size(), [&](int64_t begin, int64_t end) {
        add_to(out.as<T>() + begin, in.as<T>() + begin, end - begin);
      });
    });
  });
}

void CpuOps::cast(const Exec& exec, TensorView out, TensorView in) {
  check_same_size(out, in);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    with_element(out.dtype, [&]<typename Out>() {
      with_element(in.dtype, [&]<typename In>() {
        parallel_for(out.size(), kColumnGrain, out.size(), [&](int64_t begin, int64_t end) {
          convert(out.as<Out>() + begin, in.as<In>() + begin, end - begin);
        });
      });
    });
  });
}

}  // namespace isoflop
