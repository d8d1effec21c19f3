// SPDX-License-Identifier: MIT
#include "core/plan/recompute_config.hpp"

#include "core/base/error.hpp"
#include "support/error_matchers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

constexpr int64_t kLayers = 12;
constexpr BlockParts kFull(Recompute::full);

RecomputePlan read(const std::string& yaml) {
  MapReader map(ConfigNode::parse("recompute: " + yaml, "train.yaml"));
  return read_recompute(map.required_node("recompute"), kLayers);
}

std::string written(const RecomputePlan& plan) {
  YamlWriter writer;
  write_recompute(writer, plan);
  return writer.text();
}

TEST(RecomputeConfig, a_word_holds_for_all_blocks) {
  EXPECT_EQ(read("none"), Recompute::none);
  EXPECT_EQ(read("selective"), Recompute::selective);
  EXPECT_EQ(read("full"), Recompute::full);
}

TEST(RecomputeConfig, ops_choose_parts) {
  EXPECT_EQ(read("{mode: selective, ops: [attention, norms]}"),
            (BlockParts{BlockPart::norms, BlockPart::attention}));
  EXPECT_EQ(read("{mode: selective, ops: [activations]}"), BlockParts{BlockPart::activations});
  EXPECT_EQ(read("{mode: selective}"), Recompute::selective);
  EXPECT_EQ(read("{mode: full}"), Recompute::full);
}

TEST(RecomputeConfig, ranges_may_stand_in_any_order) {
  const RecomputePlan plan = read(
      "[{blocks: 8-10, mode: selective, ops: [norms]}, {blocks: 0-6, mode: full}, "
      "{blocks: 11, mode: selective}]");
  EXPECT_EQ(plan, RecomputePlan({{0, 6, kFull},
                                 {8, 10, {BlockPart::norms}},
                                 {11, 11, BlockParts(Recompute::selective)}}));
  EXPECT_TRUE(plan.parts(7).empty());
}

TEST(RecomputeConfig, writing_and_reading_gives_an_equal_plan) {
  const BlockParts some = {BlockPart::activations, BlockPart::attention};
  const BlockParts selective(Recompute::selective);
  for (const RecomputePlan& plan :
       {RecomputePlan(), RecomputePlan(Recompute::full), RecomputePlan(selective),
        RecomputePlan(some), RecomputePlan({{0, 7, kFull}}),
        RecomputePlan({{0, 0, some}, {3, 5, BlockParts()}, {10, 11, selective}})}) {
    const std::string yaml = written(plan);
    const ConfigNode root = ConfigNode::parse(yaml, "again.yaml");
    EXPECT_EQ(read_recompute(MapReader(root).required_node("recompute"), kLayers), plan) << yaml;
  }
}

TEST(RecomputeConfig, is_written_as_people_would) {
  EXPECT_EQ(written(Recompute::selective), "recompute: selective\n");
  EXPECT_EQ(written(BlockParts{BlockPart::norms}),
            "recompute:\n  mode: selective\n  ops: [norms]\n");
}

struct BadRecompute {
  const char* yaml;
  const char* message;
};

class RecomputeConfigRefuses : public testing::TestWithParam<BadRecompute> {};

TEST_P(RecomputeConfigRefuses, value_with_its_place_key_and_reason) {
  EXPECT_EQ(test::message_of<ConfigError>([] { read(GetParam().yaml); }), GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Values, RecomputeConfigRefuses,
    testing::Values(
        BadRecompute{"half",
                     "train.yaml:1: recompute is 'half' (must be one of none, selective, full)"},
        BadRecompute{"{mode: selective, ops: []}",
                     "train.yaml:1: recompute.ops is 'a list' (must name what is run again); list "
                     "some of norms, activations, attention, or set mode to none"},
        BadRecompute{"{mode: selective, ops: [softmax]}",
                     "train.yaml:1: recompute.ops[0] is 'softmax' (must be one of norms, "
                     "activations, attention)"},
        BadRecompute{"{mode: selective, ops: [norms, norms]}",
                     "train.yaml:1: recompute.ops[1] is 'norms' (stands twice); remove one"},
        BadRecompute{"{mode: selective, ops: norms}",
                     "train.yaml:1: recompute.ops is 'norms' (must be a list)"},
        BadRecompute{"{mode: full, ops: [norms]}",
                     "train.yaml:1: recompute.ops is 'a list' (means nothing with mode full); "
                     "remove it or set mode to selective"},
        BadRecompute{"[]",
                     "train.yaml:1: recompute is 'a list' (must name at least one range of "
                     "blocks); write none"},
        BadRecompute{"\n- {blocks: 0-7, mode: full}\n- {blocks: 7-9, mode: selective}",
                     "train.yaml:3: recompute[1].blocks is '7-9' (overlaps blocks 0-7 above); name "
                     "every block once"},
        BadRecompute{"[{blocks: 8-12, mode: full}]",
                     "train.yaml:1: recompute[0].blocks is '8-12' (the model has blocks 0 to 11)"},
        BadRecompute{
            "[{blocks: 5-2, mode: full}]",
            "train.yaml:1: recompute[0].blocks is '5-2' (ends before it begins); write the "
            "lower block first"},
        BadRecompute{"[{blocks: -1, mode: full}]",
                     "train.yaml:1: recompute[0].blocks is '-1' (must be the first and last block, "
                     "as 0-7, or one block)"},
        BadRecompute{"[{blocks: 0--3, mode: full}]",
                     "train.yaml:1: recompute[0].blocks is '0--3' (must be the first and last "
                     "block, as 0-7, or one block)"},
        BadRecompute{"[{blocks: all, mode: full}]",
                     "train.yaml:1: recompute[0].blocks is 'all' (must be the first and last "
                     "block, as 0-7, or one block)"}));

TEST(RecomputeConfig, keys_that_are_missing_or_unknown_are_named) {
  const auto message = [](const char* yaml) {
    return test::message_of<ConfigError>([yaml] { read(yaml); });
  };
  EXPECT_THAT(message("{ops: [norms]}"), testing::HasSubstr("'mode' is missing"));
  EXPECT_THAT(message("[{mode: full}]"), testing::HasSubstr("'blocks' is missing"));
  EXPECT_THAT(message("[{blocks: 1, mode: full, op: [norms]}]"),
              testing::HasSubstr("unknown key 'op'"));
  EXPECT_THAT(message("{blocks: 0-3, mode: full}"), testing::HasSubstr("unknown key 'blocks'"));
}

}  // namespace
}  // namespace isoflop
