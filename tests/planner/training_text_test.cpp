// SPDX-License-Identifier: MIT
#include "planner/training_text.hpp"

#include "core/base/error.hpp"
#include "core/data/dataset_index.hpp"
#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"

namespace isoflop {
namespace {

using testing::HasSubstr;

void write_dataset(const std::filesystem::path& folder) {
  DatasetIndex index;
  index.tokenizer = "bytes";
  index.vocab_size = 257;
  index.eot_token = 256;
  index.document_rule = "one file, one document";
  index.validation_rule = "every tenth document";
  index.sources = {{"corpus.txt", 1000}};
  index.train = {1, 900, 899, {{"train_000000.bin", 900, 2824, 1}}};
  index.val = {1, 100, 99, {{"val_000000.bin", 100, 1224, 1}}};
  write_dataset_index(folder, index);
}

TEST(TrainingText, without_data_a_vocabulary_is_assumed) {
  const TrainingText text = describe_text({});
  EXPECT_FALSE(text.known());
  EXPECT_EQ(text.vocab_size, 50257);
  EXPECT_EQ(describe_text({.data = {}, .tokenizer = "bytes", .vocab_size = {}}).vocab_size, 257);
}

TEST(TrainingText, a_dataset_says_what_it_is) {
  const test::TempDir dir;
  write_dataset(dir.path());
  const TrainingText text = describe_text({.data = dir.path(), .tokenizer = {}, .vocab_size = {}});
  EXPECT_EQ(text.tokenizer, "bytes");
  EXPECT_EQ(text.vocab_size, 257);
  EXPECT_EQ(text.train_tokens, 900);
  EXPECT_EQ(text.val_tokens, 100);
  EXPECT_TRUE(text.path.is_absolute());
}

TEST(TrainingText, options_that_contradict_the_dataset_are_errors) {
  const test::TempDir dir;
  write_dataset(dir.path());
  EXPECT_THAT(test::message_of<ConfigError>([&] {
                describe_text({.data = dir.path(), .tokenizer = "gpt2", .vocab_size = {}});
              }),
              HasSubstr("says 'bytes'"));
  EXPECT_THAT(test::message_of<ConfigError>(
                  [&] { describe_text({.data = dir.path(), .tokenizer = {}, .vocab_size = 100}); }),
              HasSubstr("ids up to 256"));
}

TEST(TrainingText, a_folder_without_dataset_is_a_file_error) {
  const test::TempDir dir;
  EXPECT_THROW(describe_text({.data = dir.path(), .tokenizer = {}, .vocab_size = {}}), FileError);
}

}  // namespace
}  // namespace isoflop
