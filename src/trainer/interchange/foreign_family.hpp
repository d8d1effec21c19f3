// SPDX-License-Identifier: MIT
#pragma once

#include "core/model/model_shape.hpp"

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace isoflop {

/// The decoders of transformers that models of ours can be, which differ in names, keys and biases.
enum class ForeignFamily { gpt2, llama, qwen2, qwen3 };

struct ForeignFamilyRow {
  ForeignFamily value;
  std::string_view model_type;    ///< in config.json
  std::string_view architecture;  ///< the class
};

inline constexpr std::array kForeignFamilies = {
    ForeignFamilyRow{ForeignFamily::gpt2, "gpt2", "GPT2LMHeadModel"},
    ForeignFamilyRow{ForeignFamily::llama, "llama", "LlamaForCausalLM"},
    ForeignFamilyRow{ForeignFamily::qwen2, "qwen2", "Qwen2ForCausalLM"},
    ForeignFamilyRow{ForeignFamily::qwen3, "qwen3", "Qwen3ForCausalLM"},
};

const ForeignFamilyRow& row_of(ForeignFamily family);

/// The family that computes exactly what a model of this shape does. Throws ConfigError naming the
/// key of the model that none has; `where` opens the message.
ForeignFamily foreign_family(const ModelShape& shape, const std::string& where);

}  // namespace isoflop
