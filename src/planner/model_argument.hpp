// SPDX-License-Identifier: MIT
#pragma once

#include "core/model/model_shape.hpp"

#include <string>

namespace isoflop {

/// The model that an option names: a model file (our YAML, JSON with comments, a Hugging Face
/// config.json), a folder with a config.json, or the name of a file in configs/models ("llama-7b").
/// Throws FileError for a missing path, ConfigError with the nearest name for a word that is
/// neither.
ModelShape load_model_argument(const std::string& argument);

}  // namespace isoflop
