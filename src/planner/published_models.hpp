// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/config_node.hpp"
#include "core/model/model_shape.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace isoflop {

/// The shape of a model somebody trained and described.
struct PublishedModel {
  std::string name;  ///< "LLaMA 7B"
  int64_t n_layer = 0;
  int64_t d_model = 0;
  int64_t n_head = 0;
  int64_t n_kv_head = 0;
  int64_t d_ff = 0;
  std::string source;
};

/// A document of the form of data/published_models.yaml. Throws ConfigError.
std::vector<PublishedModel> read_published_models(const ConfigNode& root);

/// data_dir()/published_models.yaml. Throws FileError or ConfigError.
std::vector<PublishedModel> load_published_models();

/// The model nearest in depth, width and FFN width, as factors; absent when none is within a
/// quarter in each.
std::optional<PublishedModel> nearest_published_model(const ModelShape& shape,
                                                      const std::vector<PublishedModel>& models);

}  // namespace isoflop
