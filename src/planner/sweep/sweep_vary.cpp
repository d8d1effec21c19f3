// SPDX-License-Identifier: MIT
#include "planner/sweep/sweep_vary.hpp"

#include "core/base/error.hpp"
#include "core/base/suggest.hpp"
#include "core/plan/option_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace isoflop {
namespace {

/// Sections whose keys make a training another one without making it another run.
constexpr std::array<std::string_view, 5> kSections = {"model.", "optimizer.", "schedule.",
                                                       "loss_scale.", "data.document_mask"};
/// Of those, what the sweep decides.
constexpr std::array<std::string_view, 9> kDecided = {
    "model.preset",   "model.file",      "model.name",   "model.vocab_size", "model.max_seq_len",
    "schedule.steps", "schedule.tokens", "schedule.end", "schedule.deadline"};

/// Keys that a plan spells out and that follow from another one: where that one is varied they take
/// their defaults, so that a variant is what its key alone says.
struct Followers {
  std::string_view key;
  std::vector<std::string> followers;
};
const std::vector<Followers>& followers() {
  static const std::vector<Followers> rows = {
      {"model.bias", {"model.qkv_bias", "model.attention_out_bias", "model.ffn_bias"}},
      {"model.ffn_type", {"model.d_ff", "model.activation"}},
      {"model.d_model", {"model.d_head", "model.d_ff"}},
      {"model.n_head", {"model.n_kv_head", "model.d_head"}},
      {"optimizer.kind", {"optimizer.momentum", "optimizer.nesterov", "optimizer.iterations"}},
      {"schedule.kind",
       {"schedule.min_lr_fraction", "schedule.decay_fraction", "schedule.decay_shape"}}};
  return rows;
}

/// Those of one setting.
std::vector<std::string> followers_of(const std::string& key, const std::string& value) {
  if (key == "model.position_encoding" && value != "rope") return {"model.rope_theta"};
  for (const Followers& row : followers())
    if (row.key == key) return row.followers;
  return {};
}

bool may_vary(const std::string& key) {
  const bool in_section =
      std::any_of(kSections.begin(), kSections.end(),
                  [&](std::string_view section) { return key.starts_with(section); });
  return in_section && std::find(kDecided.begin(), kDecided.end(), key) == kDecided.end();
}

void check_key(const std::string& key) {
  std::vector<std::string> known;
  for (const Option& option : option_table()) known.push_back(option.key);
  if (std::find(known.begin(), known.end(), key) == known.end())
    throw ConfigError(
        fmt::format("--vary: '{}' is no key of a training{}; trainer options lists them", key,
                    did_you_mean(key, known)));
  if (!may_vary(key))
    throw ConfigError(
        fmt::format("--vary: '{}' is decided by the sweep (runs are compared at equal data and "
                    "tokens); vary keys of model, optimizer, schedule or loss_scale",
                    key));
}

/// At commas outside of brackets.
std::vector<std::string> split_values(const std::string& text) {
  std::vector<std::string> values(1);
  int depth = 0;
  for (const char c : text) {
    if (c == '[' || c == '{') ++depth;
    if (c == ']' || c == '}') --depth;
    if (c == ',' && depth == 0)
      values.emplace_back();
    else
      values.back() += c;
  }
  return values;
}

VariedKey read_varied_key(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    throw ConfigError(fmt::format("--vary is '{}' (must be KEY=VALUE,VALUE...)", text));
  VariedKey varied{text.substr(0, equals), split_values(text.substr(equals + 1))};
  check_key(varied.key);
  std::vector<std::string> sorted = varied.values;
  std::sort(sorted.begin(), sorted.end());
  const bool repeated = std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end();
  if (varied.values.size() < 2 || repeated || sorted.front().empty())
    throw ConfigError(
        fmt::format("--vary: {} has '{}' (must be two different values or more, with commas)",
                    varied.key, text.substr(equals + 1)));
  return varied;
}

}  // namespace

std::vector<VariedKey> read_varied_keys(const std::vector<std::string>& texts) {
  std::vector<VariedKey> keys;
  for (const std::string& text : texts) {
    VariedKey varied = read_varied_key(text);
    const bool twice = std::any_of(keys.begin(), keys.end(),
                                   [&](const VariedKey& key) { return key.key == varied.key; });
    if (twice)
      throw ConfigError(
          fmt::format("--vary: {} is given twice; write all values after one", varied.key));
    keys.push_back(std::move(varied));
  }
  return keys;
}

TrainConfig with_settings(const TrainConfig& config,
                          const std::vector<std::pair<std::string, std::string>>& settings) {
  if (settings.empty()) return config;
  ConfigNode node = ConfigNode::parse(write_train_config(config, "planner sweep"), "plan.yaml");
  for (const auto& [key, value] : settings)
    for (const std::string& follower : followers_of(key, value))
      node = node.with_override(follower, "null");
  for (const auto& [key, value] : settings) node = node.with_override(key, value);
  try {
    return read_train_config(node);
  } catch (const ConfigError& error) {
    throw ConfigError(fmt::format("--vary gives a run that cannot be: {}", error.what()));
  }
}

}  // namespace isoflop
