// SPDX-License-Identifier: MIT
#include "emulation/nccl_reduce.hpp"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cmath>
#include <cstring>
#include <type_traits>

namespace isoflop::emulation {
namespace {

template <typename T>
T combine(T a, T b, ncclRedOp_t op) {
  // Unsigned, so that integers wrap as they do on a GPU.
  if constexpr (std::is_integral_v<T>) {
    using U = std::make_unsigned_t<T>;
    if (op == ncclSum) return static_cast<T>(static_cast<U>(static_cast<U>(a) + static_cast<U>(b)));
    return a < b ? b : a;
  } else {
    return op == ncclSum ? a + b : std::fmax(a, b);
  }
}

/// Stored as T, combined as A.
template <typename T, typename A>
std::vector<std::byte> reduce(const std::vector<std::vector<std::byte>>& buffers, int64_t first,
                              int64_t count, ncclRedOp_t op) {
  std::vector<std::byte> result(static_cast<std::size_t>(count) * sizeof(T));
  for (int64_t i = 0; i < count; ++i) {
    A total{};
    for (std::size_t rank = 0; rank < buffers.size(); ++rank) {
      T element;
      std::memcpy(&element, buffers[rank].data() + static_cast<std::size_t>(first + i) * sizeof(T),
                  sizeof(T));
      total = rank == 0 ? static_cast<A>(element) : combine(total, static_cast<A>(element), op);
    }
    const T rounded = static_cast<T>(total);
    std::memcpy(result.data() + static_cast<std::size_t>(i) * sizeof(T), &rounded, sizeof(T));
  }
  return result;
}

}  // namespace

int64_t nccl_bytes(ncclDataType_t dtype) {
  switch (dtype) {
    case ncclInt8:
    case ncclUint8:
      return 1;
    case ncclBfloat16:
    case ncclFloat16:
      return 2;
    case ncclInt32:
    case ncclFloat32:
      return 4;
    case ncclInt64:
    case ncclFloat64:
      return 8;
    default:
      return 0;
  }
}

const char* nccl_name(ncclDataType_t dtype) {
  switch (dtype) {
    case ncclInt8:
      return "i8";
    case ncclUint8:
      return "u8";
    case ncclBfloat16:
      return "bf16";
    case ncclFloat16:
      return "f16";
    case ncclInt32:
      return "i32";
    case ncclFloat32:
      return "f32";
    case ncclInt64:
      return "i64";
    case ncclFloat64:
      return "f64";
    default:
      return "of a type that is not emulated";
  }
}

std::vector<std::byte> nccl_reduce(const std::vector<std::vector<std::byte>>& buffers,
                                   int64_t first, int64_t count, ncclDataType_t dtype,
                                   ncclRedOp_t op) {
  switch (dtype) {
    case ncclInt8:
      return reduce<int8_t, int8_t>(buffers, first, count, op);
    case ncclUint8:
      return reduce<uint8_t, uint8_t>(buffers, first, count, op);
    case ncclBfloat16:
      return reduce<__nv_bfloat16, float>(buffers, first, count, op);
    case ncclFloat16:
      return reduce<__half, float>(buffers, first, count, op);
    case ncclInt32:
      return reduce<int32_t, int32_t>(buffers, first, count, op);
    case ncclFloat32:
      return reduce<float, float>(buffers, first, count, op);
    case ncclInt64:
      return reduce<int64_t, int64_t>(buffers, first, count, op);
    case ncclFloat64:
      return reduce<double, double>(buffers, first, count, op);
    default:
      return {};
  }
}

}  // namespace isoflop::emulation
