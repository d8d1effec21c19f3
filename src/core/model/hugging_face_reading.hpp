// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/config_node.hpp"
#include "core/base/enum_names.hpp"
#include "core/model/hugging_face_family.hpp"
#include "core/model/model_shape.hpp"

#include <array>
#include <string>

/// What the readers of config.json files have in common.
namespace isoflop {

/// Names of transformers' ACT2FN table; of several for one the first is the one to write.
inline constexpr std::array kHuggingFaceActivations = {
    EnumName{Activation::gelu_tanh, "gelu_new"},
    EnumName{Activation::gelu_tanh, "gelu_pytorch_tanh"},
    EnumName{Activation::gelu_tanh, "gelu_fast"},
    EnumName{Activation::gelu_erf, "gelu"},
    EnumName{Activation::silu, "silu"},
    EnumName{Activation::silu, "swish"},
    EnumName{Activation::relu, "relu"},
    EnumName{Activation::leaky_relu, "leaky_relu"},
};

/// A name of that table; `fallback` where the key is absent.
Activation read_activation(MapReader& map, const std::string& key, Activation fallback);

/// The hidden size over the heads. Throws ConfigError at `head_key` when it is no whole number.
int64_t head_width(MapReader& map, const std::string& head_key, const ModelShape& shape);

/// Throws where a flag that our shapes cannot have is set.
void refuse_flag(MapReader& map, const std::string& key, const std::string& what);

}  // namespace isoflop
