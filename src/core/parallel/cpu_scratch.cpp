// SPDX-License-Identifier: MIT
#include "core/parallel/cpu_scratch.hpp"

namespace isoflop {

int64_t cpu_scratch_bytes(Precision precision) {
  const bool has_two_byte_types = precision == Precision::bf16 || precision == Precision::fp16;
  return has_two_byte_types ? kConvertedProductFloats * 4 : 0;
}

}  // namespace isoflop
