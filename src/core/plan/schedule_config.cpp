// SPDX-License-Identifier: MIT
#include "core/plan/schedule_config.hpp"

#include "core/plan/config_values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace isoflop {
namespace {

/// A key that this kind of schedule would ignore.
void refuse(MapReader& map, const std::string& key, ScheduleKind kind, const std::string& remedy) {
  if (const auto node = map.find_node(key))
    node->fail(fmt::format("means nothing with kind {}", enum_name(kScheduleKindNames, kind)),
               remedy);
}

void read_min_lr_fraction(MapReader& map, ScheduleConfig& schedule) {
  if (schedule.kind == ScheduleKind::constant)
    refuse(map, "min_lr_fraction", schedule.kind, "remove it: the rate stays at its peak");
  schedule.min_lr_fraction =
      in_range(map, "min_lr_fraction", schedule.min_lr_fraction, 1, UpperEnd::closed);
}

/// 0 and 1 are other kinds of schedule.
double read_decay_fraction(MapReader& map, double fallback) {
  const auto node = map.find_node("decay_fraction");
  if (!node) return fallback;
  const double value = node->as<double>();
  if (value <= 0 || value >= 1)
    node->fail("must be above 0 and below 1",
               "take kind constant for no decay, linear for one over the whole run");
  return value;
}

void check_decay_fits(MapReader& map, const ScheduleConfig& schedule) {
  const int64_t needed = schedule.warmup_steps + schedule.decay_steps();
  if (needed <= schedule.steps) return;
  map.required_node("warmup_steps")
      .fail(fmt::format("with a decay of {} steps the run needs {}, but steps is {}",
                        schedule.decay_steps(), needed, schedule.steps),
            "lower it or decay_fraction, or raise steps");
}

void read_wsd(MapReader& map, ScheduleConfig& schedule) {
  if (schedule.kind != ScheduleKind::wsd) {
    for (const char* const key : {"decay_fraction", "decay_shape"})
      refuse(map, key, schedule.kind, "remove it or set kind to wsd");
    return;
  }
  schedule.decay_fraction = read_decay_fraction(map, schedule.decay_fraction);
  if (const auto shape = map.find_node("decay_shape"))
    schedule.decay_shape = read_enum(*shape, kDecayShapeNames);
  check_decay_fits(map, schedule);
}

}  // namespace

int64_t ScheduleConfig::decay_steps() const {
  const double share = decay_fraction * static_cast<double>(steps);
  return std::max<int64_t>(1, std::llround(share));
}

ScheduleConfig read_schedule(const ConfigNode& node) {
  MapReader map(node);
  ScheduleConfig schedule;
  if (const auto kind = map.find_node("kind")) schedule.kind = read_enum(*kind, kScheduleKindNames);
  schedule.steps = required_extent(map, "steps");
  schedule.warmup_steps = at_least(map, "warmup_steps", 0, schedule.warmup_steps);
  if (schedule.warmup_steps >= schedule.steps)
    map.required_node("warmup_steps").fail(fmt::format("must be below steps {}", schedule.steps));
  read_min_lr_fraction(map, schedule);
  read_wsd(map, schedule);
  map.finish();
  return schedule;
}

void write_schedule(YamlWriter& writer, const ScheduleConfig& schedule) {
  writer.begin_map("schedule")
      .entry("kind", enum_name(kScheduleKindNames, schedule.kind))
      .entry("steps", schedule.steps)
      .entry("warmup_steps", schedule.warmup_steps);
  if (schedule.kind != ScheduleKind::constant)
    writer.entry("min_lr_fraction", schedule.min_lr_fraction);
  if (schedule.kind == ScheduleKind::wsd)
    writer.entry("decay_fraction", schedule.decay_fraction, "of all steps")
        .entry("decay_shape", enum_name(kDecayShapeNames, schedule.decay_shape));
  writer.end_map();
}

}  // namespace isoflop
