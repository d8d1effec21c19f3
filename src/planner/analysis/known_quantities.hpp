// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/config_node.hpp"
#include "core/hardware/gpu_catalog.hpp"
#include "core/model/model_shape.hpp"
#include "core/scaling/law_catalog.hpp"

#include <map>
#include <string>

namespace isoflop {

/// What known answers are computed from.
struct ReferenceData {
  std::map<std::string, ModelShape> models;
  LawCatalog laws;
  GpuCatalog gpus;
};

/// The quantity that the entry's `quantity` names, from the keys that it needs. Throws ConfigError
/// for an unknown quantity, model, law or GPU and for a missing key.
double compute_quantity(const ConfigNode& quantity, MapReader& entry, const ReferenceData& data);

}  // namespace isoflop
