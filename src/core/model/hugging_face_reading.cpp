// SPDX-License-Identifier: MIT
#include "core/model/hugging_face_reading.hpp"

#include <fmt/format.h>

namespace isoflop {

Activation read_activation(MapReader& map, const std::string& key, Activation fallback) {
  const std::optional<ConfigNode> node = map.find_node(key);
  return node ? read_enum(*node, kHuggingFaceActivations) : fallback;
}

int64_t head_width(MapReader& map, const std::string& head_key, const ModelShape& shape) {
  const ConfigNode heads = map.required_node(head_key);
  if (shape.n_head < 1) heads.fail("must be at least 1");
  if (shape.d_model % shape.n_head != 0)
    heads.fail(fmt::format("must divide the hidden size {}", shape.d_model));
  return shape.d_model / shape.n_head;
}

void refuse_flag(MapReader& map, const std::string& key, const std::string& what) {
  const std::optional<ConfigNode> flag = map.find_node(key);
  if (flag && flag->as<bool>()) flag->fail(what, "such models cannot be counted here");
}

}  // namespace isoflop
