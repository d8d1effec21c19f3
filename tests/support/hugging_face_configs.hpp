// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/error.hpp"
#include "core/model/model_config.hpp"
#include "core/model/param_count.hpp"
#include "support/error_matchers.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

/// config.json files of published models, written from their sizes.
namespace isoflop::test {

inline ModelShape read_config_json(const std::string& text) {
  return read_model(ConfigNode::parse(text, "config.json", ConfigSyntax::json_with_comments));
}

inline std::string config_json_error(const std::string& text) {
  return message_of<ConfigError>([&] { read_config_json(text); });
}

/// The keys that most families share.
inline std::string config(const std::string& family, int n_layer, int d_model, int n_head, int d_ff,
                          int vocab_size, const std::string& more = "") {
  return "{\"model_type\": \"" + family + "\", \"num_hidden_layers\": " + std::to_string(n_layer) +
         ", \"hidden_size\": " + std::to_string(d_model) +
         ", \"num_attention_heads\": " + std::to_string(n_head) +
         ", \"intermediate_size\": " + std::to_string(d_ff) +
         ", \"vocab_size\": " + std::to_string(vocab_size) + (more.empty() ? "" : ", ") + more +
         "}";
}

inline std::string kv(int n_kv_head) {
  return "\"num_key_value_heads\": " + std::to_string(n_kv_head);
}

struct Published {
  const char* name;
  std::string config;
  int64_t n_params;
};

inline void expect_counts(const std::vector<Published>& models) {
  for (const Published& model : models)
    EXPECT_EQ(count_params(read_config_json(model.config)).total(), model.n_params) << model.name;
}

}  // namespace isoflop::test
