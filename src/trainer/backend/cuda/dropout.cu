// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/cuda_ops.hpp"
#include "trainer/backend/cuda/dispatch.cuh"
#include "trainer/backend/cuda/dropout.cuh"
#include "trainer/backend/cuda/element.cuh"
#include "trainer/backend/cuda/grid.cuh"
#include "trainer/backend/cuda/launch.cuh"
#include "trainer/backend/op_contracts.hpp"

namespace isoflop {
namespace {

using namespace gpu;

/// One pack per thread: blocks take a row along x and a part of its C columns along y. Reads and
/// writes each element once; the mask takes no memory.
template <typename T, int kPack>
__global__ void __launch_bounds__(kThreads)
    dropout_kernel(T* out, const T* in, int64_t C, DropoutMask mask) {
  const int64_t row = blockIdx.x;
  const int64_t column = (static_cast<int64_t>(blockIdx.y) * blockDim.x + threadIdx.x) * kPack;
  if (column >= C) return;
  Pack<kPack> values = load<kPack>(in + row * C + column);
  const Pack<kPack> factors = mask.factors<kPack>(row, 0, column);
  for (int i = 0; i < kPack; ++i) values[i] *= factors[i];
  store(out + row * C + column, values);
}

}  // namespace

void CudaOps::dropout(const Exec& exec, TensorView out, TensorView in, const Dropout& params) {
  check_dropout(out, in, params);
  if (!params) {
    if (out.data != in.data) exec.device.copy(out.data, in.data, in.bytes(), exec.stream);
    return;
  }
  const int64_t C = out.extent(1);
  with_pack(out.dtype, C, {out, in}, [&]<typename T, int kPack>() {
    const int threads = threads_for(n_parts(C, kPack));
    launch(native_stream(exec),
           {"dropout",
            out.extent(0),
            threads,
            0,
            n_parts(C, int64_t{kPack} * threads),
            {in.bytes(), out.bytes()}},
           dropout_kernel<T, kPack>, static_cast<T*>(out.data), static_cast<const T*>(in.data), C,
           dropout_mask(params));
  });
}

}  // namespace isoflop
