// SPDX-License-Identifier: MIT
#include "core/hardware/slurm_time.hpp"

#include "expect_error.hpp"

namespace isoflop {
namespace {

using testing::HasSubstr;

std::optional<double> seconds(const std::string& text) {
  const ConfigNode document = ConfigNode::parse("time_limit: " + text, "c.yaml");
  return parse_time_limit_s(MapReader(document).required_node("time_limit"));
}

TEST(SlurmTime, forms_of_slurm) {
  EXPECT_EQ(seconds("24:00:00"), 86400);
  EXPECT_EQ(seconds("00:30:15"), 1815);
  EXPECT_EQ(seconds("1-00:00:00"), 86400);
  EXPECT_EQ(seconds("2-12"), 2.5 * 86400);
  EXPECT_EQ(seconds("1-06:30"), 86400 + 6.5 * 3600);
  EXPECT_EQ(seconds("90"), 5400);
  EXPECT_EQ(seconds("UNLIMITED"), std::nullopt);
  EXPECT_EQ(seconds("infinite"), std::nullopt);
}

TEST(SlurmTime, forms_of_people) {
  EXPECT_EQ(seconds("24h"), 86400);
  EXPECT_EQ(seconds("1.5 h"), 5400);
  EXPECT_EQ(seconds("2d"), 172800);
  EXPECT_EQ(seconds("30m"), 1800);
  EXPECT_EQ(seconds("30min"), 1800);
  EXPECT_EQ(seconds("45s"), 45);
}

TEST(SlurmTime, two_fields_are_refused_as_ambiguous) {
  EXPECT_EQ(
      config_error_of([] { seconds("'24:00'"); }),
      "c.yaml:1: time_limit is '24:00' (Slurm reads two fields as minutes:seconds); add :00 if you "
      "mean hours and minutes");
}

TEST(SlurmTime, nonsense_is_refused) {
  EXPECT_THAT(config_error_of([] { seconds("a day"); }), HasSubstr("is not a time limit"));
  EXPECT_THAT(config_error_of([] { seconds("0"); }), HasSubstr("must be above zero"));
  for (const char* text : {"-5", "1:2:3:4", "24:60:00", "1-", "1-2-3", "12 weeks", "1.2.3h", "h"})
    EXPECT_THAT(config_error_of([&] { seconds(text); }), HasSubstr("is not a time limit")) << text;
}

}  // namespace
}  // namespace isoflop
