// SPDX-License-Identifier: MIT
#pragma once

#include "core/model/model_shape.hpp"
#include "core/parallel/optimizer_state.hpp"

/// What this version has GPU kernels for. No GPU is asked, so that a job is refused before it has
/// allocated anything, and `trainer --check` tells. Attention's own limits: choose_attention.hpp.
namespace isoflop {

/// Throws ConfigError for a model with a component that has no GPU kernel.
void check_gpu_kernels(const ModelShape& shape);
/// The same for the update.
void check_gpu_kernels(OptimizerKind optimizer);

}  // namespace isoflop
