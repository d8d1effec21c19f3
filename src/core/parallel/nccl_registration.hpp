// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/enum_names.hpp"
#include "core/base/round_up.hpp"

#include <array>
#include <cstdint>

namespace isoflop {

/// How the buffers of GPUs' collectives are made known to NCCL, which then moves data between them
/// without copies through buffers of its own ("User Buffer Registration" of its user guide). local:
/// ncclCommRegister, what a rank does by itself. symmetric: windows of NCCL_WIN_COLL_SYMMETRIC,
/// which all ranks register together and for which NCCL has kernels of its own within a node.
enum class NcclRegistration { off, local, symmetric };

inline constexpr std::array kNcclRegistrationNames = {
    EnumName{NcclRegistration::off, "off"},
    EnumName{NcclRegistration::local, "local"},
    EnumName{NcclRegistration::symmetric, "symmetric"},
};

/// Such buffers are of ncclMemAlloc, which takes memory in the granularity that the driver
/// recommends (NCCL 2.28, src/allocator.cc): 2 MiB on A100, H100 and B200.
inline constexpr int64_t kNcclMemoryGranularity = int64_t{2} << 20;

/// What one of so many bytes takes.
constexpr int64_t nccl_memory_bytes(int64_t bytes) {
  return round_up(bytes, kNcclMemoryGranularity);
}

}  // namespace isoflop
