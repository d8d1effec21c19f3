// SPDX-License-Identifier: MIT
#include "core/parallel/compute_bytes.hpp"

#include "core/base/error.hpp"

#include <fmt/format.h>

namespace isoflop {

int64_t compute_bytes(Precision precision) {
  switch (precision) {
    case Precision::fp32:
    case Precision::tf32:
      return 4;
    case Precision::bf16:
    case Precision::fp16:
      return 2;
    case Precision::fp8:
    case Precision::fp4:
      break;
  }
  throw ConfigError(fmt::format(
      "precision is '{}' (training in it is not supported); use bf16, fp16, tf32 or fp32",
      to_string(precision)));
}

}  // namespace isoflop
