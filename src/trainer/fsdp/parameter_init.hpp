// SPDX-License-Identifier: MIT
#pragma once

#include "core/model/model_shape.hpp"
#include "trainer/fsdp/parameter_engine.hpp"

#include <cstdint>

namespace isoflop {

/// Element `element` of an endless row of independent standard normals, one row per (seed, tensor).
/// Philox words in Box-Muller pairs; |z| < 6.8.
double standard_normal(uint64_t seed, int64_t tensor, int64_t element);

/// Gives every parameter of the shard its first value. A value depends on seed, the tensor's place
/// in the model and the element's place in the tensor alone, so any sharding on any number of ranks
/// starts from the same model. The host waits.
void initialize_shard(const FlatShard& shard, Device& device, const ModelShape& shape,
                      uint64_t seed);
/// The same for an engine's shard, and tells the engine.
void initialize_parameters(ParameterEngine& engine, Device& device, const ModelShape& shape,
                           uint64_t seed);

}  // namespace isoflop
