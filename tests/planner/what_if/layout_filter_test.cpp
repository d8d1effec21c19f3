// SPDX-License-Identifier: MIT
#include "planner/what_if/layout_filter.hpp"

#include "core/base/error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using testing::HasSubstr;

TEST(LayoutFilter, reads_numbers_and_names) {
  const LayoutFilter filter = parse_layout_filter("pipeline=16,chunks=2,states=fsdp");
  EXPECT_EQ(filter.pipeline, 16);
  EXPECT_EQ(filter.chunks, 2);
  EXPECT_EQ(filter.states, ParallelStrategy::fsdp);
  EXPECT_FALSE(filter.tensor);
}

TEST(LayoutFilter, wrong_entries_are_refused_with_the_nearest) {
  const std::pair<const char*, const char*> cases[] = {
      {"tensr=8", "did you mean 'tensor'?"},
      {"tensor=0", "--only tensor is '0' (must be a whole number above 0)"},
      {"tensor=8x", "is '8x'"},
      {"tensor", "--only tensor is ''"},
      {"states=zero3", "did you mean 'zero"},
      {"tensor=8,,data=2", "--only has ''"}};
  for (const auto& [text, message] : cases) {
    try {
      parse_layout_filter(text);
      FAIL() << text;
    } catch (const ConfigError& error) {
      EXPECT_THAT(error.what(), HasSubstr(message)) << text;
    }
  }
}

}  // namespace
}  // namespace isoflop
