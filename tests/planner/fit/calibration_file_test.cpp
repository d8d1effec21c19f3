// SPDX-License-Identifier: MIT
#include "planner/fit/calibration_file.hpp"

#include "core/base/error.hpp"
#include "support/error_matchers.hpp"

namespace isoflop {
namespace {

using testing::HasSubstr;

CalibrationFile shipped() { return CalibrationFile::load(default_calibration_file()); }

TEST(CalibrationFile, reads_back_what_it_writes) {
  const CalibrationFile file = shipped();
  const CalibrationFile again(ConfigNode::parse(file.text(), "written.yaml"));
  EXPECT_EQ(again.sections(), file.sections());
  EXPECT_THAT(file.text(), testing::StartsWith("# SPDX-License-Identifier"));
}

TEST(CalibrationFile, replaces_one_section_and_keeps_the_other) {
  CalibrationFile file = shipped();
  CalibrationSection gpu = file.section("gpu");
  gpu.constants.front().value.otherwise *= 0.5;
  file.replace(gpu);
  EXPECT_EQ(file.section("gpu"), gpu);
  EXPECT_EQ(file.section("cpu"), shipped().section("cpu"));
  gpu.name = "tpu";
  EXPECT_THAT(test::message_of<ConfigError>([&] { file.replace(gpu); }), HasSubstr("gpu, cpu"));
}

TEST(CalibrationFile, a_prior_outside_its_bounds_is_an_error) {
  const auto message = [](const std::string& fit) {
    return test::message_of<ConfigError>([&] {
      CalibrationFile(ConfigNode::parse(
          "gpu:\n  overlap: {value: 0.5, unit: u, origin: o, fit: {" + fit + "}}\n", "c.yaml"));
    });
  };
  EXPECT_THAT(message("prior: 2, least: 0.1, most: 1, spread: 0.1"), HasSubstr("from 0.1 to 1"));
  EXPECT_THAT(message("prior: 0.5, of: {Hopper: 3}, least: 0.1, most: 1, spread: 0.1"),
              HasSubstr("from 0.1 to 1"));
  EXPECT_THAT(message("prior: 0.5, least: 0.1, most: 1, spread: 0"), HasSubstr("spread"));
}

TEST(CalibrationFile, a_missing_constant_is_an_error) {
  CalibrationSection section = shipped().section("gpu");
  section.constants.erase(section.constants.begin());
  EXPECT_THAT(test::message_of<ConfigError>([&] { static_cast<void>(section.values()); }),
              HasSubstr("missing"));
}

TEST(ConstantByKind, of_an_unlisted_kind_is_that_of_its_first_word) {
  const ConstantByKind constant{.otherwise = 1, .of = {{"Blackwell", 2}}};
  EXPECT_EQ(constant.at("Blackwell Ultra"), 2);
  EXPECT_EQ(constant.at("Volta"), 1);
}

}  // namespace
}  // namespace isoflop
