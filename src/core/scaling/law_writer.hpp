// SPDX-License-Identifier: MIT
#pragma once

#include "core/scaling/scaling_law.hpp"

#include <string>

namespace isoflop {

/// A YAML document of this law alone, in the form of data/scaling_laws.yaml, which load_law reads
/// back to the same numbers.
std::string law_document(const ScalingLaw& law);

}  // namespace isoflop
