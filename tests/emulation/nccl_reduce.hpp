// SPDX-License-Identifier: MIT
#pragma once

#include <nccl.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace isoflop::emulation {

/// Bytes of an element; 0 for types that are not emulated.
int64_t nccl_bytes(ncclDataType_t dtype);
/// "f32"
const char* nccl_name(ncclDataType_t dtype);

/// Elements first .. first + count of the buffers, combined in rank order by `op` (ncclSum or
/// ncclMax), bf16 and f16 in f32 and rounded once.
std::vector<std::byte> nccl_reduce(const std::vector<std::vector<std::byte>>& buffers,
                                   int64_t first, int64_t count, ncclDataType_t dtype,
                                   ncclRedOp_t op);

}  // namespace isoflop::emulation
