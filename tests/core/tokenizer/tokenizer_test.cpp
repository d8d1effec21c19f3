// SPDX-License-Identifier: MIT
#include "core/tokenizer/tokenizer.hpp"

#include "core/base/error.hpp"
#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using test::message_of;
using testing::HasSubstr;

TEST(OpenTokenizer, finds_bytes_by_name) { EXPECT_EQ(open_tokenizer("bytes")->name(), "bytes"); }

TEST(OpenTokenizer, an_unknown_name_is_an_error_with_the_nearest_one) {
  EXPECT_THAT(message_of<ConfigError>([] { open_tokenizer("byte"); }),
              HasSubstr("--tokenizer is 'byte' (unknown) (did you mean 'bytes'?)"));
  EXPECT_THAT(message_of<ConfigError>([] { open_tokenizer("sentencepiece:"); }),
              HasSubstr("(without its vocabulary); write sentencepiece:FILE.model"));
}

TEST(OpenDatasetTokenizer, a_dataset_of_ids_alone_has_none) {
  DatasetIndex index;
  index.tokenizer = "ids-50257";
  EXPECT_THAT(message_of<ConfigError>([&] { open_dataset_tokenizer("d", index); }),
              HasSubstr("d: keeps no vocabulary"));
  index.tokenizer = "bytes";
  EXPECT_EQ(open_dataset_tokenizer("d", index)->vocab_size(), 257);
}

}  // namespace
}  // namespace isoflop
