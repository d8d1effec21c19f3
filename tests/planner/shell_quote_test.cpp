// SPDX-License-Identifier: MIT
#include "planner/shell_quote.hpp"

#include "core/base/error.hpp"
#include "support/error_matchers.hpp"

namespace isoflop {
namespace {

TEST(ShellQuote, plain_words_stay_bare) {
  EXPECT_EQ(shell_quote("/opt/gcc-12.1/bin"), "/opt/gcc-12.1/bin");
}

TEST(ShellQuote, everything_else_is_one_quoted_word) {
  EXPECT_EQ(shell_quote(""), "''");
  EXPECT_EQ(shell_quote("a b"), "'a b'");
  EXPECT_EQ(shell_quote("$(x) `y` \"z\""), "'$(x) `y` \"z\"'");
  EXPECT_EQ(shell_quote("it's"), "'it'\\''s'");
}

TEST(SbatchQuote, spaces_and_quotes_stay_in_one_option) {
  EXPECT_EQ(sbatch_quote("h100&ib", "constraint"), "\"h100&ib\"");
  EXPECT_EQ(sbatch_quote("a\" --uid=0", "account"), "\"a\\\" --uid=0\"");
}

TEST(SbatchQuote, a_line_break_is_refused) {
  EXPECT_THAT(test::message_of<ConfigError>([] { sbatch_quote("a\n#SBATCH --uid=0", "account"); }),
              testing::HasSubstr("account holds a line break"));
}

TEST(CommentText, stays_on_its_line) { EXPECT_EQ(comment_text("a\nrm -rf x"), "a rm -rf x"); }

}  // namespace
}  // namespace isoflop
