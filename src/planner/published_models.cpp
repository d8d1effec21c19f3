// SPDX-License-Identifier: MIT
#include "planner/published_models.hpp"

#include "core/base/text_file.hpp"

#include <algorithm>
#include <cmath>

namespace isoflop {

namespace {

double log_ratio(int64_t a, int64_t b) {
  return std::abs(std::log(static_cast<double>(a) / static_cast<double>(b)));
}

PublishedModel read_published_model(const std::string& name, const ConfigNode& node) {
  MapReader map(node);
  PublishedModel model;
  model.name = name;
  model.n_layer = map.required_at_least("n_layer", 1);
  model.d_model = map.required_at_least("d_model", 1);
  model.n_head = map.required_at_least("n_head", 1);
  model.n_kv_head =
      map.find_node("n_kv_head") ? map.required_at_least("n_kv_head", 1) : model.n_head;
  model.d_ff = map.required_at_least("d_ff", 1);
  model.source = map.required<std::string>("source");
  map.finish();
  return model;
}

}  // namespace

std::vector<PublishedModel> read_published_models(const ConfigNode& root) {
  MapReader document(root);
  std::vector<PublishedModel> models;
  for (const auto& [name, node] : document.required_node("models").entries())
    models.push_back(read_published_model(name, node));
  document.finish();
  return models;
}

std::vector<PublishedModel> load_published_models() {
  return read_published_models(ConfigNode::load(data_dir() / "published_models.yaml"));
}

std::optional<PublishedModel> nearest_published_model(const ModelShape& shape,
                                                      const std::vector<PublishedModel>& models) {
  const double quarter = std::log(1.25);
  std::optional<PublishedModel> nearest;
  double least = 1e300;
  for (const PublishedModel& model : models) {
    const double depth = log_ratio(shape.n_layer, model.n_layer);
    const double width = log_ratio(shape.d_model, model.d_model);
    const double ffn = log_ratio(shape.d_ff, model.d_ff);
    if (std::max({depth, width, ffn}) > quarter || depth + width + ffn >= least) continue;
    least = depth + width + ffn;
    nearest = model;
  }
  return nearest;
}

}  // namespace isoflop
