// SPDX-License-Identifier: MIT
#include "core/plan/deadline.hpp"

#include "core/base/error.hpp"
#include "support/error_matchers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using Kind = Deadline::Kind;
using testing::HasSubstr;

Deadline parse(const std::string& text) {
  const ConfigNode root = ConfigNode::parse("deadline: " + text, "train.yaml");
  return read_deadline(MapReader(root).required_node("deadline"));
}

// date -u -d 2026-11-22T06:00:00Z +%s; 2000 was a leap year.
TEST(Deadline, utc_is_unix_time) {
  EXPECT_EQ(parse("2026-11-22T06:00:00Z"), (Deadline{Kind::at, 1795327200}));
  EXPECT_EQ(parse("1970-01-01T00:00:01Z"), (Deadline{Kind::at, 1}));
  EXPECT_EQ(parse("2000-02-29T00:00:00Z"), (Deadline{Kind::at, 951782400}));
}

TEST(Deadline, hours_from_the_start_may_be_more_than_two_digits) {
  EXPECT_EQ(parse("+00:00:05"), (Deadline{Kind::after_start, 5}));
  EXPECT_EQ(parse("+01:30:00"), (Deadline{Kind::after_start, 5400}));
  EXPECT_EQ(parse("+120:00:00"), (Deadline{Kind::after_start, 432000}));
}

TEST(Deadline, every_form_is_written_as_it_was) {
  for (const std::string text :
       {"2026-11-22T06:00:00Z", "+01:30:05", "+120:00:00", "+00:00:01", "slurm"})
    EXPECT_EQ(to_string(parse(text)), text);
}

TEST(Deadline, anything_else_is_refused_with_the_forms_there_are) {
  for (const std::string text :
       {"tomorrow", "2026-11-22", "2026-11-22T06:00:00", "2026-11-22T06:00:00+01:00",
        "2026-02-30T06:00:00Z", "2026-11-22T24:00:00Z", "2026-11-22T06:60:00Z", "+1h", "+01:30",
        "+1:2:3", "+01:60:00", "01:30:00", "+99999999999999999999:00:00", "SLURM", "\"\""}) {
    const std::string message = test::message_of<ConfigError>([&] { parse(text); });
    EXPECT_THAT(message, testing::StartsWith("train.yaml:1: deadline is '")) << text;
    EXPECT_THAT(message, HasSubstr("(is no time); write UTC as 2026-11-22T06:00:00Z")) << text;
  }
  EXPECT_THAT(test::message_of<ConfigError>([] { parse("+00:00:00"); }),
              HasSubstr("must be above zero"));
}

TEST(Deadline, resolves_against_start_and_slurm) {
  EXPECT_EQ(resolve({Kind::at, 5000}, 1000, std::nullopt), 5000);
  EXPECT_EQ(resolve({Kind::after_start, 90}, 1000.5, std::nullopt), 1090.5);
  EXPECT_EQ(resolve({Kind::slurm_job_end, 0}, 1000, "1795327200"), 1795327200);
}

TEST(Deadline, slurm_without_its_variable_is_refused) {
  const Deadline slurm{Kind::slurm_job_end, 0};
  EXPECT_THAT(test::message_of<ConfigError>([&] { resolve(slurm, 1000, std::nullopt); }),
              HasSubstr("(SLURM_JOB_END_TIME is not set"));
  EXPECT_THAT(test::message_of<ConfigError>([&] { resolve(slurm, 1000, "soon"); }),
              HasSubstr("SLURM_JOB_END_TIME is 'soon', not Unix seconds"));
}

TEST(Deadline, one_that_is_over_is_refused) {
  EXPECT_THAT(
      test::message_of<ConfigError>([] {
        resolve({Kind::at, 1}, 91, std::nullopt);
      }),
      HasSubstr("schedule.deadline is '1970-01-01T00:00:01Z' (it was over 1 min 30 s ago)"));
}

}  // namespace
}  // namespace isoflop
