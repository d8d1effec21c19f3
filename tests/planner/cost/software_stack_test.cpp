// SPDX-License-Identifier: MIT
#include "planner/cost/software_stack.hpp"

#include "core/base/error.hpp"
#include "support/error_matchers.hpp"

namespace isoflop {
namespace {

using testing::HasSubstr;

TEST(StackCatalog, finds_a_program_in_the_source_of_a_run) {
  const StackCatalog stacks = StackCatalog::load();
  const SoftwareStack* const stack = stacks.match("mosaicml/llm-foundry:readme.md");
  ASSERT_NE(stack, nullptr);
  EXPECT_EQ(stack->name, "llm_foundry");
  EXPECT_EQ(stack->attention, AttentionKernel::flash_1);
  EXPECT_EQ(stacks.match("a paper about cats"), nullptr);
}

TEST(StackCatalog, the_rows_that_runs_without_a_match_take_are_there) {
  const StackCatalog stacks = StackCatalog::load();
  for (const char* const name : {"pytorch", "megatron_early", "nemo", "deepspeed_zero3_2021"})
    EXPECT_NO_THROW(stacks.find(name)) << name;
}

TEST(StackCatalog, refuses_what_it_does_not_know) {
  const auto message = [](const std::string& row) {
    return test::message_of<ConfigError>(
        [&] { StackCatalog(ConfigNode::parse("stacks:\n  x: " + row + "\n", "stacks.yaml")); });
  };
  EXPECT_THAT(message("{matches: [], attention: slow, origin: o}"), HasSubstr("materialised"));
  EXPECT_THAT(message("{matches: [], attention: vendor}"), HasSubstr("origin"));
  EXPECT_THAT(message("{matches: [], attention: vendor, host: 0, origin: o}"), HasSubstr("host"));
  EXPECT_THAT(message("{matches: [], attention: vendor, hots: 1, origin: o}"), HasSubstr("hots"));
  EXPECT_THAT(test::message_of<ConfigError>([] { StackCatalog::load().find("pytorhc"); }),
              HasSubstr("pytorch"));
}

}  // namespace
}  // namespace isoflop
