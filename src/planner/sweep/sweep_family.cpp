// SPDX-License-Identifier: MIT
#include "planner/sweep/sweep_family.hpp"

#include "core/base/round_up.hpp"
#include "core/model/model_config.hpp"
#include "core/model/param_count.hpp"
#include "planner/goals.hpp"

#include <cmath>

namespace isoflop {
namespace {

int64_t kv_heads(const ModelShape& like, int64_t n_head) {
  if (like.n_kv_head <= 0 || like.n_head <= 0) return n_head;
  const int64_t group = like.n_head / like.n_kv_head;
  return n_head % group == 0 ? n_head / group : n_head;
}

int64_t ffn_width(const ModelShape& like, int64_t d_model) {
  if (like.d_ff <= 0 || like.d_model <= 0) return default_d_ff(like.ffn, d_model);
  const double ratio = static_cast<double>(like.d_ff) / static_cast<double>(like.d_model);
  return round_up(std::llround(ratio * static_cast<double>(d_model)), 64);
}

ModelShape resized(const ModelShape& like, const ModelShape& size) {
  ModelShape shape = like;
  shape.n_layer = size.n_layer;
  shape.d_model = size.d_model;
  shape.n_head = size.n_head;
  shape.d_head = size.d_head;
  shape.n_kv_head = kv_heads(like, size.n_head);
  shape.d_ff = ffn_width(like, size.d_model);
  shape.vocab_size = size.vocab_size;
  shape.max_seq_len = size.max_seq_len;
  shape.name = short_name(shape);
  return shape;
}

double n_params_of(const ModelShape& shape) {
  return static_cast<double>(count_params(shape).total());
}

/// How far width over depth and FFN over width are from the middle of what is usual
/// (candidate_shapes).
double unusualness(const ModelShape& shape) {
  const double middle = shape.d_model < 512 ? std::sqrt(16.0 * 64) : std::sqrt(64.0 * 128);
  const auto d_model = static_cast<double>(shape.d_model);
  const double aspect = d_model / static_cast<double>(shape.n_layer) / middle;
  const double matrices = shape.ffn == FfnType::gated ? 3 : 2;
  const double ffn = matrices * static_cast<double>(shape.d_ff) / (8 * d_model);
  return std::abs(std::log(aspect)) + std::abs(std::log(ffn));
}

}  // namespace

std::vector<ModelShape> family_shapes(const ShapeRequest& request,
                                      const std::optional<ModelShape>& like) {
  std::vector<ModelShape> shapes = candidate_shapes(request);
  if (!like) return shapes;
  std::vector<ModelShape> family;
  for (const ModelShape& size : shapes) {
    ModelShape shape = resized(*like, size);
    if (family.empty() || family.back() != shape) family.push_back(std::move(shape));
  }
  return family;
}

const ModelShape* nearest_shape(const std::vector<ModelShape>& shapes, double n_params,
                                double within) {
  const ModelShape* nearest = nullptr;
  const ModelShape* usual = nullptr;
  double least = std::log(within);
  for (const ModelShape& shape : shapes) {
    const double distance = std::abs(std::log(n_params_of(shape) / n_params));
    if (distance <= least) {
      least = distance;
      nearest = &shape;
    }
    if (distance > kParamsTolerance) continue;
    if (usual == nullptr || unusualness(shape) < unusualness(*usual)) usual = &shape;
  }
  return usual != nullptr ? usual : nearest;
}

}  // namespace isoflop
