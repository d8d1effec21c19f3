// SPDX-License-Identifier: MIT
#pragma once

#include "planner/shape_search.hpp"

#include <optional>
#include <vector>

namespace isoflop {

/// The sizes of candidate_shapes with the components of `like`: its ratio of d_ff to d_model and of
/// heads to key and value heads are kept as far as heads divide. Without one, candidate_shapes.
std::vector<ModelShape> family_shapes(const ShapeRequest& request,
                                      const std::optional<ModelShape>& like);

/// The shape whose N is nearest, at most a factor of `within` away; null where there is none. Of
/// those within kParamsTolerance the one of usual proportions, so that the sizes of a sweep differ
/// in little but size.
const ModelShape* nearest_shape(const std::vector<ModelShape>& shapes, double n_params,
                                double within);

}  // namespace isoflop
