// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/config_node.hpp"
#include "core/model/hugging_face_family.hpp"
#include "core/model/model_shape.hpp"

#include <optional>

namespace isoflop {

/// A model of a family whose config.json has keys of its own: GPT-2 and what came before LLaMA.
/// Absent for the families with LLaMA's keys.
std::optional<ModelShape> read_gpt_family(MapReader& map, HuggingFaceFamily family);

}  // namespace isoflop
