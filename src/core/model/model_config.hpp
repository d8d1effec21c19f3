// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/config_node.hpp"
#include "core/base/yaml_writer.hpp"
#include "core/model/model_shape.hpp"

#include <cstdint>
#include <filesystem>

namespace isoflop {

/// The FFN's hidden width where a configuration leaves it out: 4 d_model, or 8/3 d_model rounded up
/// to a multiple of 64 when gated (as many parameters; matrix units like such widths).
int64_t default_d_ff(FfnType ffn, int64_t d_model);

/// Reads a model from our YAML keys (README has their table; defaults are those of `preset`, and
/// n_kv_head = n_head, d_head = d_model / n_head, d_ff = default_d_ff; `file` names another model
/// file, relative to this one, for the keys left out, which may name a third) or from the keys of a
/// Hugging Face config.json (core/model/hugging_face_config.hpp). Unknown keys are errors in our
/// own form and ignored in the foreign one. Throws ConfigError with file, line and key.
ModelShape read_model(const ConfigNode& node);

/// read_model of a file (YAML, JSON, JSON with comments).
ModelShape load_model(const std::filesystem::path& path);

/// The keys of `moe` and `mla` in our form.
MoeShape read_moe(const ConfigNode& node);
MlaShape read_mla(const ConfigNode& node);

/// Writes the keys of our form; read_model gives back an equal shape.
void write_model(YamlWriter& writer, const ModelShape& shape);

}  // namespace isoflop
