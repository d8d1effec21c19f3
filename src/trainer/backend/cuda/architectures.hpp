// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

namespace isoflop {

/// Whether code for `architectures`, written as CMAKE_CUDA_ARCHITECTURES and separated by commas
/// ("80-real,90a-real"), runs on a GPU of compute capability major.minor: "80" on 8.x, "86" on 8.6
/// and above within 8, "90a" on 9.0 only; "-virtual" (PTX) and no suffix on all later ones too.
/// True when it cannot be told ("all").
bool has_code_for(std::string_view architectures, int major, int minor);

}  // namespace isoflop
