// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/config_node.hpp"
#include "core/model/hugging_face_family.hpp"
#include "core/model/model_shape.hpp"

namespace isoflop {

/// The experts of a config.json of the families that have some; sets what else they change (biases
/// of queries, keys and values, the width of dense layers). Throws ConfigError at the file's key.
void read_experts(MapReader& map, HuggingFaceFamily family, ModelShape& shape);

}  // namespace isoflop
