// SPDX-License-Identifier: MIT
#include "trainer/comm/slurm_nodes.hpp"

#include "core/base/error.hpp"
#include "support/error_matchers.hpp"

namespace isoflop {
namespace {

using testing::ElementsAre;

TEST(SlurmNodes, plain_names_stay) {
  EXPECT_THAT(expand_node_list("login"), ElementsAre("login"));
  EXPECT_THAT(expand_node_list("b,a-1"), ElementsAre("b", "a-1"));
}

TEST(SlurmNodes, ranges_keep_their_digits) {
  EXPECT_THAT(expand_node_list("gpu[01-03,7]"), ElementsAre("gpu01", "gpu02", "gpu03", "gpu7"));
  EXPECT_THAT(expand_node_list("n[8-11]"), ElementsAre("n8", "n9", "n10", "n11"));
  EXPECT_THAT(expand_node_list("n[098-101]x"), ElementsAre("n098x", "n099x", "n100x", "n101x"));
}

TEST(SlurmNodes, several_names_and_brackets_are_taken_in_order) {
  EXPECT_THAT(expand_node_list("a,b[1-2],c"), ElementsAre("a", "b1", "b2", "c"));
  EXPECT_THAT(expand_node_list("r[1-2]n[01,03]"), ElementsAre("r1n01", "r1n03", "r2n01", "r2n03"));
}

TEST(SlurmNodes, what_is_no_list_is_an_error_that_quotes_it) {
  for (const char* list : {"", "a,,b", "a[1-", "a[1-2", "a]1[", "a[[1]]", "a[]", "a[x]", "a[3-1]",
                           "a[1,]", "a[0-99999999]"}) {
    const std::string message = test::message_of<FileError>([&] { expand_node_list(list); });
    EXPECT_THAT(message, testing::HasSubstr("'" + std::string(list) + "'")) << list;
    EXPECT_THAT(message, testing::HasSubstr("MASTER_ADDR"));
  }
}

}  // namespace
}  // namespace isoflop
