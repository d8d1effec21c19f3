// SPDX-License-Identifier: MIT
#include "trainer/backend/gpu_support.hpp"

#include "core/base/error.hpp"

#include <fmt/format.h>

namespace isoflop {
namespace {

/// What the model asks for that has no kernel yet; null when all of it can run.
const char* missing_kernel(const ModelShape& shape) {
  if (shape.dropout > 0) return "dropout";
  if (shape.qk_norm) return "qk_norm";
  if (shape.z_loss > 0) return "z_loss";
  if (shape.attention_backend == AttentionBackend::manual) return "attention_backend manual";
  return nullptr;
}

}  // namespace

void check_gpu_kernels(const ModelShape& shape) {
  if (const char* const missing = missing_kernel(shape))
    throw ConfigError(fmt::format(
        "model '{}' has {} (this version has no GPU kernel for it); turn it off, or set "
        "device.kind: cpu",
        shape.name, missing));
}

void check_gpu_kernels(OptimizerKind optimizer) {
  if (optimizer == OptimizerKind::muon)
    throw ConfigError(
        "optimizer.kind is 'muon' (this version has no GPU kernel for it); set optimizer.kind: "
        "adamw, or device.kind: cpu");
}

}  // namespace isoflop
