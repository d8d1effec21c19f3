// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/config_node.hpp"
#include "core/model/model_shape.hpp"
#include "trainer/interchange/foreign_family.hpp"
#include "trainer/tensor/dtype.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace isoflop {

inline constexpr const char* kForeignConfigName = "config.json";

/// What config.json says beside the shape.
struct ForeignConfigDetails {
  int64_t vocab_size = 0;
  DType dtype = DType::f32;
  /// Ends every document, and so comes before every other; none: unknown.
  std::optional<int64_t> eot_token = std::nullopt;
};

/// The config.json of the family's model that is this shape.
std::string foreign_config_json(const ModelShape& shape, ForeignFamily family,
                                const ForeignConfigDetails& details);

/// A model as a folder of transformers describes it.
struct ForeignModel {
  ModelShape shape = {};
  ForeignFamily family = ForeignFamily::llama;
};

/// Reads `folder`/config.json. Throws FileError when there is none, ConfigError naming file, line
/// and key for a family that is not one of ours (mistral is llama's, without windows), or a key
/// that changes what the model computes and that ours lack: scaled RoPE, windows, other scales of
/// attention.
ForeignModel read_foreign_model(const std::filesystem::path& folder);

}  // namespace isoflop
