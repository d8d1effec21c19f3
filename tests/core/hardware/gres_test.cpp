// SPDX-License-Identifier: MIT
#include "core/hardware/gres.hpp"

#include "expect_error.hpp"

namespace isoflop {
namespace {

using testing::HasSubstr;

TEST(Gres, type_and_count) {
  const Gres gres = parse_gres("gpu:h100:8").value();
  EXPECT_EQ(gres.type, "h100");
  EXPECT_EQ(gres.count, 8);
}

TEST(Gres, sockets_and_indices_in_parentheses_are_dropped) {
  EXPECT_EQ(parse_gres("gpu:nvidia_h100_80gb_hbm3:4(S:0-1)")->count, 4);
  EXPECT_EQ(parse_gres("gpu:nvidia_h100_80gb_hbm3:4(S:0-1)")->type, "nvidia_h100_80gb_hbm3");
  EXPECT_EQ(parse_gres("gpu:h100:3(IDX:0,2-3)")->count, 3);
}

TEST(Gres, untyped_counts) {
  EXPECT_EQ(parse_gres("gpu:8")->type, std::nullopt);
  EXPECT_EQ(parse_gres("gpu:8")->count, 8);
  EXPECT_EQ(parse_gres("gpu:(null):2(IDX:0-1)")->type, std::nullopt);
  EXPECT_EQ(parse_gres("gpu:(null):2(IDX:0-1)")->count, 2);
}

TEST(Gres, tres_spelling) {
  const Gres gres = parse_gres("gres/gpu:a100=4").value();
  EXPECT_EQ(gres.type, "a100");
  EXPECT_EQ(gres.count, 4);
}

TEST(Gres, type_without_count) { EXPECT_EQ(parse_gres("gpu:h100")->count, std::nullopt); }

TEST(Gres, other_text_is_not_gres) {
  EXPECT_FALSE(parse_gres("h100"));
  EXPECT_FALSE(parse_gres("NVIDIA H100 80GB HBM3"));
}

TEST(Gres, a_count_that_is_no_positive_number_is_refused) {
  EXPECT_THAT(config_error_of([] { parse_gres("gpu:h100:x"); }), HasSubstr("count 'x'"));
  EXPECT_THAT(config_error_of([] { parse_gres("gpu:h100:0"); }), HasSubstr("count '0'"));
}

TEST(Gres, several_resources_are_refused) {
  EXPECT_THAT(config_error_of([] { parse_gres("gpu:a100:4,gpu:h100:4"); }),
              HasSubstr("several resources"));
}

}  // namespace
}  // namespace isoflop
