// SPDX-License-Identifier: MIT
#include "planner/shape_search.hpp"

#include "core/base/round_up.hpp"
#include "core/model/param_count.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace isoflop {

namespace {

/// The next width of the lattice: steps of about an eighth. From 2048 on, heads of 128 come in
/// multiples of 2, 4 and 8, as matrix tiles and tensor parallel groups like them.
int64_t next_width(int64_t d_model, DeviceClass device) {
  if (device == DeviceClass::cpu && d_model < 512) return d_model + (d_model < 128 ? 16 : 32);
  if (d_model < 512) return d_model + 64;
  if (d_model < 1024) return d_model + 64;
  if (d_model < 2048) return d_model + 128;
  if (d_model < 4096) return d_model + 256;
  return d_model + (d_model < 8192 ? 512 : 1024);
}

int64_t first_width(DeviceClass device) { return device == DeviceClass::cpu ? 32 : 256; }

/// Depths over the published range of d_model / n_layer: every multiple of 4 (of 2 below width
/// 2048), which pipeline stages divide, for models wide enough to have several, else up to five
/// evenly spaced ones, from 2 on.
std::set<int64_t> depths(int64_t d_model) {
  const int64_t widest = d_model < 512 ? 64 : 128;
  const int64_t narrowest = d_model < 512 ? 16 : 64;
  const int64_t fewest = std::max<int64_t>(2, (d_model + widest - 1) / widest);
  const int64_t most = std::max(fewest, d_model / narrowest);
  std::set<int64_t> result;
  if (d_model >= 1024) {
    const int64_t multiple = d_model < 2048 ? 2 : 4;
    for (int64_t depth = round_up(fewest, multiple); depth <= most; depth += multiple)
      result.insert(depth);
  } else {
    for (int64_t i = 0; i < 5; ++i) result.insert(fewest + (most - fewest) * i / 4);
  }
  return result;
}

int64_t head_width(int64_t d_model) {
  if (d_model >= 2048) return 128;
  if (d_model % 32 != 0) return 16;
  return d_model >= 256 && d_model % 64 == 0 ? 64 : 32;
}

constexpr int64_t kWidest = 32768;

}  // namespace

ModelShape make_shape(const ShapeRequest& request, int64_t d_model, int64_t n_layer,
                      const BlockFamily& family) {
  const bool gpu = request.device == DeviceClass::gpu;
  ModelShape shape;
  shape.n_layer = n_layer;
  shape.d_model = d_model;
  shape.d_head = head_width(d_model);
  shape.n_head = d_model / shape.d_head;
  shape.n_kv_head = family.n_kv_head.value_or(shape.n_head);
  const int64_t width = (family.d_ff_sixths * d_model + 5) / 6;
  shape.d_ff = round_up(width, gpu ? 256 : 64);
  shape.vocab_size = round_up(request.vocab_size, gpu ? 128 : 16);
  shape.max_seq_len = request.seq_len;
  shape.name = short_name(shape);
  return shape;
}

std::vector<BlockFamily> block_families(int64_t d_model) {
  constexpr auto kAllHeads = std::nullopt;
  if (d_model < 512)
    return {kLlamaBlock, {18, kAllHeads}, {20, kAllHeads}, {22, kAllHeads}, {24, kAllHeads}};
  const bool groups = d_model >= 4096 && (d_model / head_width(d_model)) % 8 == 0;
  if (groups) return {kLlamaBlock, kLlama3Block};
  return {kLlamaBlock};
}

std::vector<ModelShape> candidate_shapes(const ShapeRequest& request) {
  std::vector<ModelShape> shapes;
  for (int64_t d_model = first_width(request.device); d_model <= kWidest;
       d_model = next_width(d_model, request.device)) {
    for (const int64_t n_layer : depths(d_model)) {
      for (const BlockFamily& family : block_families(d_model)) {
        ModelShape shape = make_shape(request, d_model, n_layer, family);
        if (!shapes.empty() && shapes.back() == shape) continue;  // d_ff rounded to the same
        const auto n_params = static_cast<double>(count_params(shape).total());
        if (n_params >= request.min_params && n_params <= request.max_params)
          shapes.push_back(std::move(shape));
      }
    }
  }
  return shapes;
}

}  // namespace isoflop
