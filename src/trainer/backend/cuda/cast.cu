// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/cuda_ops.hpp"
#include "trainer/backend/cuda/dispatch.cuh"
#include "trainer/backend/cuda/element.cuh"
#include "trainer/backend/cuda/grid.cuh"
#include "trainer/backend/cuda/launch.cuh"
#include "trainer/backend/op_contracts.hpp"

#include <algorithm>
#include <stdexcept>

namespace isoflop {
namespace {

using namespace gpu;

/// One pack per thread, elements beyond the last whole pack one by one.
template <typename T, int kPack>
__global__ void __launch_bounds__(kThreads) accumulate_kernel(T* out, const T* in, int64_t n) {
  const int64_t first = global_thread() * kPack;
  if (first + kPack <= n) {
    Pack<kPack> sum = load<kPack>(out + first);
    const Pack<kPack> more = load<kPack>(in + first);
    for (int i = 0; i < kPack; ++i) sum[i] += more[i];
    store(out + first, sum);
  } else {
    for (int64_t i = first; i < n; ++i) out[i] = from_float<T>(to_float(out[i]) + to_float(in[i]));
  }
}

template <typename Out, typename In, int kPack>
__global__ void __launch_bounds__(kThreads) cast_kernel(Out* out, const In* in, int64_t n) {
  const int64_t first = global_thread() * kPack;
  if (first + kPack <= n)
    store(out + first, load<kPack>(in + first));
  else
    for (int64_t i = first; i < n; ++i) out[i] = from_float<Out>(to_float(in[i]));
}

}  // namespace

void CudaOps::accumulate(const Exec& exec, TensorView out, TensorView in) {
  check_same_size(out, in);
  if (out.dtype != in.dtype) throw std::logic_error("CUDA accumulate needs one dtype");
  with_pack(out.dtype, 0, {out, in}, [&]<typename T, int kPack>() {
    launch(native_stream(exec),
           {"accumulate",
            blocks_for(out.size(), kPack),
            kThreads,
            0,
            1,
            {out.bytes() + in.bytes(), out.bytes()}},
           accumulate_kernel<T, kPack>, static_cast<T*>(out.data), static_cast<const T*>(in.data),
           out.size());
  });
}

void CudaOps::cast(const Exec& exec, TensorView out, TensorView in) {
  check_same_size(out, in);
  with_dtype(out.dtype, [&]<typename Out>() {
    with_dtype(in.dtype, [&]<typename In>() {
      constexpr int kPack = std::max(kPackSize<Out>, kPackSize<In>);
      const bool aligned = rows_are_aligned<kPack>(0, {out, in});
      const LaunchShape shape{"cast",   blocks_for(out.size(), aligned ? kPack : 1),
                              kThreads, 0,
                              1,        {in.bytes(), out.bytes()}};
      launch(native_stream(exec), shape,
             aligned ? cast_kernel<Out, In, kPack> : cast_kernel<Out, In, 1>,
             static_cast<Out*>(out.data), static_cast<const In*>(in.data), out.size());
    });
  });
}

}  // namespace isoflop
