// SPDX-License-Identifier: MIT
// Models are trained here with the library's trainer; its own encoder is the answer.
#include "core/tokenizer/sentencepiece_tokenizer.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>
#include <string>
#include <vector>

namespace isoflop {
namespace {

using test::message_of;
using test::TempDir;
using testing::HasSubstr;

std::filesystem::path train_model(const TempDir& dir, const std::string& options) {
  std::string text;
  for (int i = 0; i < 300; ++i)
    text += "line " + std::to_string(i * 7919) + " of the quick brown fox, naïve \u6771\u4eac\n";
  write_text_file(dir / "text.txt", text);
  const auto status = sentencepiece::SentencePieceTrainer::Train(
      "--input=" + (dir / "text.txt").string() + " --model_prefix=" + (dir / "m").string() +
      " --minloglevel=2 --hard_vocab_limit=false --vocab_size=320 " + options);
  EXPECT_TRUE(status.ok()) << status.ToString();
  return dir / "m.model";
}

class SentencePiece : public testing::TestWithParam<const char*> {};

TEST_P(SentencePiece, gives_the_ids_of_the_library) {
  const TempDir dir;
  const auto path = train_model(dir, GetParam());
  SentencePieceTokenizer tokenizer(path);
  sentencepiece::SentencePieceProcessor library;
  ASSERT_TRUE(library.Load(path.string()).ok());
  EXPECT_EQ(tokenizer.vocab_size(), library.GetPieceSize());
  EXPECT_EQ(tokenizer.eot_token(), library.eos_id());
  for (const std::string text :
       {"the quick fox", "  line 77\n\nof  \u6771\u4eac", "\xff\xfe fox", ""}) {
    std::vector<int32_t> tokens;
    tokenizer.clone()->encode(text, tokens);
    EXPECT_EQ(tokens, library.EncodeAsIds(text)) << text;
    EXPECT_EQ(tokenizer.decode(tokens), library.DecodeIds(tokens)) << text;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, SentencePiece,
                         testing::Values("--model_type=unigram",
                                         "--model_type=bpe --byte_fallback"));

TEST(SentencePieceTokenizer, decodes_document_by_document) {
  const TempDir dir;
  SentencePieceTokenizer tokenizer(train_model(dir, ""));
  std::vector<int32_t> tokens;
  tokenizer.encode("the fox", tokens);
  tokens.push_back(tokenizer.eot_token());
  tokenizer.encode("line", tokens);
  EXPECT_EQ(tokenizer.decode(tokens), "the fox<|endoftext|>line");
}

TEST(SentencePieceTokenizer, a_model_without_an_end_is_refused) {
  const TempDir dir;
  const auto path = train_model(dir, "--eos_id=-1");
  EXPECT_THAT(message_of<ConfigError>([&] { SentencePieceTokenizer tokenizer(path); }),
              HasSubstr("m.model: has no end-of-sentence piece"));
}

}  // namespace
}  // namespace isoflop
