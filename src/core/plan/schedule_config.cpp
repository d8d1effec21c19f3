// SPDX-License-Identifier: MIT
#include "core/plan/schedule_config.hpp"

#include "core/plan/config_values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace isoflop {
namespace {

std::string nothing_with(ScheduleKind kind) {
  return fmt::format("means nothing with kind {}", enum_name(kScheduleKindNames, kind));
}

void read_min_lr_fraction(MapReader& map, ScheduleConfig& schedule) {
  if (schedule.kind == ScheduleKind::constant)
    refuse(map, "min_lr_fraction", nothing_with(schedule.kind),
           "remove it: the rate stays at its peak");
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
      refuse(map, key, nothing_with(schedule.kind), "remove it or set kind to wsd");
    return;
  }
  schedule.decay_fraction = read_decay_fraction(map, schedule.decay_fraction);
  if (const auto shape = map.find_node("decay_shape"))
    schedule.decay_shape = read_enum(*shape, kDecayShapeNames);
  check_decay_fits(map, schedule);
}

/// The start, increment and length of a ramp agree with each other and with the batch.
void check_ramp(MapReader& map, const BatchRamp& ramp, int64_t full_batch_size) {
  if (ramp.start >= full_batch_size)
    map.required_node("start").fail(
        fmt::format("must be below layout.global_batch_size {}", full_batch_size));
  const int64_t missing = full_batch_size - ramp.start;
  if (missing % ramp.increment != 0)
    map.required_node("increment")
        .fail(fmt::format("does not lead from start {} to layout.global_batch_size {}", ramp.start,
                          full_batch_size),
              fmt::format("choose a divisor of {}", missing));
  const int64_t n_increments = missing / ramp.increment;
  if (ramp.steps % n_increments != 0)
    map.required_node("steps").fail(
        fmt::format("must be a multiple of the {} increments", n_increments),
        fmt::format("{} is the next", (ramp.steps / n_increments + 1) * n_increments));
}

/// The ranks known now must divide every batch; the others are checked by check_batch_sizes.
void check_ramp_divisible(MapReader& map, const BatchRamp& ramp,
                          const ScheduleSurroundings& surroundings) {
  const auto size = BatchSchedule(surroundings.full_batch_size, ramp)
                        .first_size_not_multiple_of(surroundings.batch_divisor);
  if (!size) return;
  map.required_node(*size == ramp.start ? "start" : "increment")
      .fail(fmt::format("a step would take {} sequences, no multiple of the {} of a micro step",
                        *size, surroundings.batch_divisor),
            fmt::format("choose multiples of {}", surroundings.batch_divisor));
}

std::optional<BatchRamp> read_batch_ramp(const std::optional<ConfigNode>& node,
                                         const ScheduleSurroundings& surroundings) {
  if (!node) return std::nullopt;
  MapReader map(*node);
  BatchRamp ramp;
  ramp.start = required_extent(map, "start");
  ramp.increment = required_extent(map, "increment");
  ramp.steps = required_extent(map, "steps");
  map.finish();
  check_ramp(map, ramp, surroundings.full_batch_size);
  check_ramp_divisible(map, ramp, surroundings);
  return ramp;
}

/// Tokens of the whole run are counted in 64 bits.
void check_total_tokens(const ConfigNode& length, int64_t steps, const BatchSchedule& batches,
                        const ScheduleSurroundings& surroundings) {
  if (batches.samples_before(steps + 1) <= INT64_MAX / surroundings.seq_len) return;
  length.fail(fmt::format("with {} tokens a step the run would count 2^63 tokens or more",
                          surroundings.full_batch_size * surroundings.seq_len),
              "lower it or layout.global_batch_size");
}

int64_t steps_for_tokens(MapReader& map, const BatchSchedule& batches, int64_t seq_len) {
  const int64_t tokens = map.required_at_least("tokens", 1);
  const std::optional<int64_t> steps = batches.steps_for((tokens - 1) / seq_len + 1);
  if (!steps)
    map.required_node("tokens").fail(fmt::format("takes more than {} steps", kMaxExtent),
                                     "lower it or raise layout.global_batch_size");
  return *steps;
}

/// From steps or tokens.
int64_t read_steps(MapReader& map, const std::optional<BatchRamp>& ramp,
                   const ScheduleSurroundings& surroundings) {
  const BatchSchedule batches(surroundings.full_batch_size, ramp);
  const auto tokens = map.find_node("tokens");
  if (tokens && map.find_node("steps"))
    tokens->fail("steps is given too", "remove one of the two (--set schedule.steps=null)");
  const int64_t steps =
      tokens ? steps_for_tokens(map, batches, surroundings.seq_len) : required_extent(map, "steps");
  check_total_tokens(map.required_node(tokens ? "tokens" : "steps"), steps, batches, surroundings);
  if (ramp && ramp->steps >= steps)
    MapReader(map.required_node("batch_ramp"))
        .required_node("steps")
        .fail(fmt::format("the run of {} steps would never reach the full batch", steps),
              "shorten it or train longer");
  return steps;
}

std::optional<Deadline> read_end(MapReader& map, ScheduleKind kind) {
  const auto node = map.find_node("end");
  const ScheduleEnd end = node ? read_enum(*node, kScheduleEndNames) : ScheduleEnd::tokens;
  if (end == ScheduleEnd::deadline) {
    if (kind != ScheduleKind::wsd)
      node->fail(fmt::format("kind {} must know its last step from the start",
                             enum_name(kScheduleKindNames, kind)),
                 "set schedule.kind to wsd, or end to tokens");
    return read_deadline(map.required_node("deadline"));
  }
  refuse(map, "deadline", "means nothing with end tokens",
         "remove it or set schedule.end to deadline");
  return std::nullopt;
}

}  // namespace

int64_t ScheduleConfig::decay_steps() const {
  const double share = decay_fraction * static_cast<double>(steps);
  return std::max<int64_t>(1, std::llround(share));
}

ScheduleConfig read_schedule(const ConfigNode& node, const ScheduleSurroundings& surroundings) {
  MapReader map(node);
  ScheduleConfig schedule;
  if (const auto kind = map.find_node("kind")) schedule.kind = read_enum(*kind, kScheduleKindNames);
  schedule.batch_ramp = read_batch_ramp(map.find_node("batch_ramp"), surroundings);
  schedule.steps = read_steps(map, schedule.batch_ramp, surroundings);
  schedule.warmup_steps = at_least(map, "warmup_steps", 0, schedule.warmup_steps);
  if (schedule.warmup_steps >= schedule.steps)
    map.required_node("warmup_steps").fail(fmt::format("must be below steps {}", schedule.steps));
  read_min_lr_fraction(map, schedule);
  read_wsd(map, schedule);
  schedule.deadline = read_end(map, schedule.kind);
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
  writer.entry("end", enum_name(kScheduleEndNames, schedule.end()));
  if (schedule.deadline) writer.entry("deadline", to_string(*schedule.deadline));
  if (const auto& ramp = schedule.batch_ramp)
    writer.begin_map("batch_ramp")
        .entry("start", ramp->start, "sequences")
        .entry("increment", ramp->increment, "sequences")
        .entry("steps", ramp->steps)
        .end_map();
  writer.end_map();
}

}  // namespace isoflop
