// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/config_node.hpp"
#include "core/base/enum_names.hpp"
#include "core/base/yaml_writer.hpp"
#include "core/plan/batch_schedule.hpp"
#include "core/plan/deadline.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace isoflop {

/// What follows the linear warm-up from 0 to the peak. The last step of all but `constant` has
/// peak x min_lr_fraction.
enum class ScheduleKind {
  cosine,    ///< half a cosine down (arXiv:1608.03983, without restarts)
  linear,    ///< straight down
  constant,  ///< the peak to the end
  wsd        ///< warm-up, stable, decay (arXiv:2404.06395): the peak, then down in the last steps
};

/// How kind wsd comes down; t runs from 0 to 1 over the decay.
enum class DecayShape {
  one_minus_sqrt,  ///< 1 - sqrt(t), consistently better than linear in Haegele et al. 2024,
                   ///< arXiv:2405.18392
  linear           ///< 1 - t
};

/// tokens: when all steps are trained. deadline: kind wsd starts its decay so that it ends in time.
enum class ScheduleEnd { tokens, deadline };

inline constexpr std::array kScheduleKindNames = {
    EnumName{ScheduleKind::cosine, "cosine"},
    EnumName{ScheduleKind::linear, "linear"},
    EnumName{ScheduleKind::constant, "constant"},
    EnumName{ScheduleKind::wsd, "wsd"},
};
inline constexpr std::array kScheduleEndNames = {
    EnumName{ScheduleEnd::tokens, "tokens"},
    EnumName{ScheduleEnd::deadline, "deadline"},
};
inline constexpr std::array kDecayShapeNames = {
    EnumName{DecayShape::one_minus_sqrt, "1-sqrt"},
    EnumName{DecayShape::linear, "linear"},
};

/// schedule: learning rate and length of the run.
struct ScheduleConfig {
  int64_t steps = 0;  ///< with a deadline: the most that are trained
  int64_t warmup_steps = 0;
  double min_lr_fraction = 0.1;  ///< of the peak; unused by kind constant
  ScheduleKind kind = ScheduleKind::cosine;
  double decay_fraction = 0.2;  ///< kind wsd: the decay's share of all steps
  DecayShape decay_shape = DecayShape::one_minus_sqrt;  ///< kind wsd
  std::optional<BatchRamp> batch_ramp = std::nullopt;
  std::optional<Deadline> deadline = std::nullopt;  ///< kind wsd; absent: end by tokens

  ScheduleEnd end() const { return deadline ? ScheduleEnd::deadline : ScheduleEnd::tokens; }

  /// Steps of kind wsd's decay when all steps are trained: decay_fraction of them, at least one.
  int64_t decay_steps() const;

  bool operator==(const ScheduleConfig&) const = default;
};

/// What a schedule has to fit, from the sections before it.
struct ScheduleSurroundings {
  int64_t full_batch_size = 0;  ///< sequences
  int64_t seq_len = 0;
  int64_t batch_divisor = 1;  ///< ranks (as far as they are known) x micro_batch_size
};

/// Length is given as steps, or as tokens, which are rounded up to whole steps. Keys of another
/// kind are refused rather than ignored. Throws ConfigError.
ScheduleConfig read_schedule(const ConfigNode& node, const ScheduleSurroundings& surroundings);

/// The section as read_schedule reads it back equal.
void write_schedule(YamlWriter& writer, const ScheduleConfig& schedule);

}  // namespace isoflop
