// SPDX-License-Identifier: MIT
#include "core/base/suggest.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

TEST(DidYouMean, the_nearest_word_is_offered) {
  EXPECT_EQ(did_you_mean("nodas", {"gpus", "nodes", "node"}), " (did you mean 'nodes'?)");
  EXPECT_EQ(did_you_mean("gpus_per_nod", {"gpus_per_node"}), " (did you mean 'gpus_per_node'?)");
}

TEST(DidYouMean, the_first_of_equally_near_words_is_offered) {
  EXPECT_EQ(did_you_mean("nod", {"node", "nods"}), " (did you mean 'node'?)");
}

TEST(DidYouMean, far_words_are_not_offered) {
  EXPECT_EQ(did_you_mean("walltime", {"nodes", "gpus"}), "");
  EXPECT_EQ(did_you_mean("anything", {}), "");
}

TEST(DidYouMean, words_with_nothing_in_common_are_not_offered) {
  EXPECT_EQ(did_you_mean("x", {"ab"}), "");
  EXPECT_EQ(did_you_mean("lr", {"wd"}), "");
}

}  // namespace
}  // namespace isoflop
