// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/config_node.hpp"
#include "core/model/model_shape.hpp"

namespace isoflop {

/// Reads the config.json that Hugging Face models ship; absent keys take the defaults of that
/// model_type's configuration class in transformers. Keys that change no size, count or constant of
/// ours are ignored, among them sliding windows and RoPE scaling. Throws ConfigError with file,
/// line and the file's own key; also for a model_type or activation it does not know.
ModelShape read_hugging_face_model(const ConfigNode& node);

}  // namespace isoflop
