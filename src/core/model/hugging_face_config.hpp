// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/config_node.hpp"
#include "core/model/model_shape.hpp"

namespace isoflop {

/// Reads the config.json that Hugging Face models ship; absent keys take the defaults of that
/// model_type's configuration class in transformers. Keys that change no size, count or constant of
/// ours are ignored, among them sliding windows and RoPE scaling; what changes what the model
/// computes but no count is named in counted_only_for. Of a file with a text_config that part is
/// read. Throws ConfigError with file, line and the
/// file's own key; also for an unknown activation or model_type, and for those that our shapes
/// cannot describe (core/model/hugging_face_family.hpp lists both).
ModelShape read_hugging_face_model(const ConfigNode& node);

}  // namespace isoflop
