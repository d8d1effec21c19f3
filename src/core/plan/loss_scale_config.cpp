// SPDX-License-Identifier: MIT
#include "core/plan/loss_scale_config.hpp"

#include "core/plan/config_values.hpp"

#include <fmt/format.h>

#include <cmath>

namespace isoflop {
namespace {

/// Twenty halvings, after which a run is called diverged, take it to 16: low enough for any that
/// trains at all.
constexpr double kMaxInitial = 16777216;  // 2^24

double read_initial(MapReader& map, double fallback) {
  const auto node = map.find_node("initial");
  if (!node) return fallback;
  const double value = node->as<double>();
  int exponent = 0;
  const bool is_power_of_two = std::frexp(value, &exponent) == 0.5;
  if (!is_power_of_two || value < 1 || value > kMaxInitial)
    node->fail(fmt::format("must be a power of two from 1 to {}", kMaxInitial),
               fmt::format("{} is the default", fallback));
  return value;
}

}  // namespace

LossScaleConfig read_loss_scale(const ConfigNode& node) {
  MapReader map(node);
  LossScaleConfig loss_scale;
  loss_scale.initial = read_initial(map, loss_scale.initial);
  loss_scale.growth_interval = at_least(map, "growth_interval", 1, loss_scale.growth_interval);
  map.finish();
  return loss_scale;
}

void write_loss_scale(YamlWriter& writer, const LossScaleConfig& loss_scale) {
  writer.begin_map("loss_scale")
      .entry("initial", loss_scale.initial)
      .entry("growth_interval", loss_scale.growth_interval, "steps in a row without an overflow")
      .end_map();
}

}  // namespace isoflop
