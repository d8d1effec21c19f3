// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/config_node.hpp"
#include "core/model/hugging_face_family.hpp"
#include "core/model/model_shape.hpp"

#include <string>

/// What the readers of config.json files have in common.
namespace isoflop {

/// A name of transformers' ACT2FN table; `fallback` where the key is absent.
Activation read_activation(MapReader& map, const std::string& key, Activation fallback);

/// The hidden size over the heads. Throws ConfigError at `head_key` when it is no whole number.
int64_t head_width(MapReader& map, const std::string& head_key, const ModelShape& shape);

/// Throws where a flag that our shapes cannot have is set.
void refuse_flag(MapReader& map, const std::string& key, const std::string& what);

}  // namespace isoflop
