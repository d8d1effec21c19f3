// SPDX-License-Identifier: MIT
#include "core/plan/schedule_config.hpp"

#include "core/base/error.hpp"
#include "support/error_matchers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

/// Steps of 8 sequences, 2 of them in a micro step of all ranks.
constexpr ScheduleSurroundings kSurroundings{
    .full_batch_size = 8, .seq_len = 64, .batch_divisor = 2};

ScheduleConfig parse(const std::string& text) {
  return read_schedule(ConfigNode::parse(text, "schedule.yaml"), kSurroundings);
}

ScheduleConfig written_and_read(const ScheduleConfig& schedule) {
  YamlWriter writer;
  write_schedule(writer, schedule);
  const ConfigNode root = ConfigNode::parse(writer.text(), "written.yaml");
  return read_schedule(MapReader(root).required_node("schedule"), kSurroundings);
}

std::string error_of(const std::string& text) {
  return test::message_of<ConfigError>([&] { parse(text); });
}

TEST(ScheduleConfig, steps_alone_are_a_cosine_to_a_tenth) {
  const ScheduleConfig schedule = parse("{steps: 50}");
  EXPECT_EQ(schedule.kind, ScheduleKind::cosine);
  EXPECT_EQ(schedule.steps, 50);
  EXPECT_EQ(schedule.warmup_steps, 0);
  EXPECT_EQ(schedule.min_lr_fraction, 0.1);
}

TEST(ScheduleConfig, wsd_decays_over_a_fifth_by_one_minus_sqrt_unless_told) {
  const ScheduleConfig schedule = parse("{kind: wsd, steps: 50}");
  EXPECT_EQ(schedule.decay_fraction, 0.2);
  EXPECT_EQ(schedule.decay_shape, DecayShape::one_minus_sqrt);
  EXPECT_EQ(schedule.decay_steps(), 10);
}

TEST(ScheduleConfig, every_kind_and_shape_is_read_back_equal) {
  for (const EnumName<ScheduleKind>& kind : kScheduleKindNames) {
    ScheduleConfig schedule{.steps = 50, .warmup_steps = 5, .kind = kind.value};
    if (kind.value != ScheduleKind::constant) schedule.min_lr_fraction = 0.25;
    EXPECT_EQ(written_and_read(schedule), schedule) << kind.name;
  }
  for (const EnumName<DecayShape>& shape : kDecayShapeNames) {
    const ScheduleConfig schedule{
        .steps = 50, .kind = ScheduleKind::wsd, .decay_fraction = 0.5, .decay_shape = shape.value};
    EXPECT_EQ(written_and_read(schedule), schedule) << shape.name;
  }
}

// 70 + 0.3 x 100.
TEST(ScheduleConfig, warm_up_and_decay_may_fill_the_run) {
  const ScheduleConfig schedule =
      parse("{kind: wsd, steps: 100, warmup_steps: 70, decay_fraction: 0.3}");
  EXPECT_EQ(schedule.decay_steps(), 30);
}

TEST(ScheduleConfig, batch_ramp_is_read_back_equal) {
  const ScheduleConfig schedule{.steps = 50,
                                .batch_ramp = BatchRamp{.start = 2, .increment = 6, .steps = 10}};
  EXPECT_EQ(written_and_read(schedule), schedule);
}

TEST(ScheduleConfig, deadline_is_read_back_equal) {
  const ScheduleConfig schedule =
      parse("{kind: wsd, steps: 50, end: deadline, deadline: +01:00:00}");
  EXPECT_EQ(schedule.end(), ScheduleEnd::deadline);
  EXPECT_EQ(schedule.deadline, (Deadline{Deadline::Kind::after_start, 3600}));
  EXPECT_EQ(written_and_read(schedule), schedule);
  EXPECT_EQ(parse("{steps: 50}").end(), ScheduleEnd::tokens);
}

TEST(ScheduleConfig, tokens_instead_of_steps_are_rounded_up_to_whole_steps) {
  EXPECT_EQ(parse("{tokens: 512}").steps, 1);
  EXPECT_EQ(parse("{tokens: 513}").steps, 2);
  EXPECT_EQ(parse("{tokens: 1e9}").steps, 1953125);
}

TEST(ScheduleConfig, tokens_count_the_small_batches_of_a_ramp) {
  const std::string ramp = "batch_ramp: {start: 2, increment: 2, steps: 6}}";  // 2 2 4 4 6 6
  EXPECT_EQ(parse("{tokens: 1600, " + ramp).steps, 7);  // 24 sequences on the ramp, one more: 25
  EXPECT_EQ(parse("{tokens: 2048, " + ramp).steps, 7);
  EXPECT_EQ(parse("{tokens: 2049, " + ramp).steps, 8);
}

struct BadSchedule {
  const char* text;
  const char* message;
};

class ScheduleConfigRefuses : public testing::TestWithParam<BadSchedule> {};

TEST_P(ScheduleConfigRefuses, with_line_reason_and_remedy) {
  EXPECT_EQ(error_of(GetParam().text), std::string("schedule.yaml:1: ") + GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Keys, ScheduleConfigRefuses,
    testing::Values(
        BadSchedule{"{kind: step, steps: 9}",
                    "kind is 'step' (must be one of cosine, linear, constant, wsd)"},
        BadSchedule{"{kind: constant, steps: 9, min_lr_fraction: 0.1}",
                    "min_lr_fraction is '0.1' (means nothing with kind constant); remove it: the "
                    "rate stays at its peak (--set min_lr_fraction=null removes it)"},
        BadSchedule{"{steps: 9, decay_fraction: 0.5}",
                    "decay_fraction is '0.5' (means nothing with kind cosine); remove it or set "
                    "kind to wsd (--set decay_fraction=null removes it)"},
        BadSchedule{"{kind: linear, steps: 9, decay_shape: linear}",
                    "decay_shape is 'linear' (means nothing with kind linear); remove it or set "
                    "kind to wsd (--set decay_shape=null removes it)"},
        BadSchedule{"{kind: wsd, steps: 9, decay_shape: cosine}",
                    "decay_shape is 'cosine' (must be one of 1-sqrt, linear)"},
        BadSchedule{"{kind: wsd, steps: 9, decay_fraction: 0}",
                    "decay_fraction is '0' (must be above 0 and below 1); take kind constant for "
                    "no decay, linear for one over the whole run"},
        BadSchedule{"{kind: wsd, steps: 9, decay_fraction: 1}",
                    "decay_fraction is '1' (must be above 0 and below 1); take kind constant for "
                    "no decay, linear for one over the whole run"},
        BadSchedule{"{kind: wsd, steps: 100, warmup_steps: 71, decay_fraction: 0.3}",
                    "warmup_steps is '71' (with a decay of 30 steps the run needs 101, but steps "
                    "is 100); lower it or decay_fraction, or raise steps"},
        BadSchedule{"{steps: 9, tokens: 512}",
                    "tokens is '512' (steps is given too); remove one of the two (--set "
                    "schedule.steps=null)"},
        BadSchedule{"{steps: 9, end: deadline, deadline: slurm}",
                    "end is 'deadline' (kind cosine must know its last step from the start); set "
                    "schedule.kind to wsd, or end to tokens"},
        BadSchedule{"{kind: wsd, steps: 9, end: deadline}", "key 'deadline' is missing; add it"},
        BadSchedule{"{kind: wsd, steps: 9, deadline: slurm}",
                    "deadline is 'slurm' (means nothing with end tokens); remove it or set "
                    "schedule.end to deadline (--set deadline=null removes it)"},
        BadSchedule{"{steps: 9, end: never}", "end is 'never' (must be one of tokens, deadline)"},
        BadSchedule{"{tokens: 0}", "tokens is '0' (must be at least 1)"},
        BadSchedule{
            "{tokens: 9000000000000000}",
            "tokens is '9000000000000000' (takes more than 2147483647 steps); lower it or raise "
            "layout.global_batch_size"},
        BadSchedule{"{steps: 9, batch_ramp: {start: 8, increment: 1, steps: 1}}",
                    "batch_ramp.start is '8' (must be below layout.global_batch_size 8)"},
        BadSchedule{"{steps: 9, batch_ramp: {start: 2, increment: 4, steps: 1}}",
                    "batch_ramp.increment is '4' (does not lead from start 2 to "
                    "layout.global_batch_size 8); choose a divisor of 6"},
        BadSchedule{"{steps: 9, batch_ramp: {start: 2, increment: 2, steps: 7}}",
                    "batch_ramp.steps is '7' (must be a multiple of the 3 increments); 9 is the "
                    "next"},
        BadSchedule{"{steps: 9, batch_ramp: {start: 2, increment: 2, steps: 9}}",
                    "batch_ramp.steps is '9' (the run of 9 steps would never reach the full "
                    "batch); shorten it or train longer"},
        BadSchedule{"{steps: 9, batch_ramp: {start: 2, increment: 3, steps: 2}}",
                    "batch_ramp.increment is '3' (a step would take 5 sequences, no multiple of "
                    "the 2 of a micro step); choose multiples of 2"},
        BadSchedule{"{steps: 9, batch_ramp: {start: 3, increment: 5, steps: 2}}",
                    "batch_ramp.start is '3' (a step would take 3 sequences, no multiple of the 2 "
                    "of a micro step); choose multiples of 2"},
        BadSchedule{"{steps: 9, batch_ramp: {start: 2, increment: 2, steps: 3, end: 8}}",
                    "unknown key 'end' in 'batch_ramp'; remove it or correct its spelling"}));

}  // namespace
}  // namespace isoflop
