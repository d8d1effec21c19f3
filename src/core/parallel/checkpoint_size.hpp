// SPDX-License-Identifier: MIT
#pragma once

#include "core/model/model_shape.hpp"
#include "core/parallel/optimizer_state.hpp"

#include <cstdint>

namespace isoflop {

/// Bytes of state in a checkpoint, all ranks' files together: every parameter in fp32 with AdamW's
/// two moments or Muon's momentum: 12 bytes a parameter, 8 where Muon updates it. Throws
/// ConfigError for shapes that the trainer cannot run.
int64_t checkpoint_bytes(const ModelShape& shape, OptimizerKind optimizer);

}  // namespace isoflop
