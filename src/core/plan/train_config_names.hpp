// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/enum_names.hpp"
#include "core/plan/train_config.hpp"

#include <array>

namespace isoflop {

inline constexpr std::array kDeviceKindNames = {
    EnumName{DeviceKind::automatic, "auto"},
    EnumName{DeviceKind::cpu, "cpu"},
    EnumName{DeviceKind::cuda, "cuda"},
};
/// The precisions the memory model and the trainer have formulas for.
inline constexpr std::array kTrainingPrecisionNames = {
    EnumName{Precision::fp32, "fp32"},
    EnumName{Precision::tf32, "tf32"},
    EnumName{Precision::bf16, "bf16"},
    EnumName{Precision::fp16, "fp16"},
};

}  // namespace isoflop
