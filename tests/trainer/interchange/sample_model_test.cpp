// SPDX-License-Identifier: MIT
#include "trainer/interchange/sample_model.hpp"

#include "core/base/text_file.hpp"
#include "support/temp_dir.hpp"
#include "tiny_transformers.hpp"
#include "trainer/interchange/import_model.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace isoflop {
namespace {

constexpr int64_t kVocab = 97;

float largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  float largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b.at(i)));
  return largest;
}

class Sampling : public testing::Test {
 protected:
  Sampling() {
    test::write_reference_model(folder_ / "model", "llama");
    import_model({.from = folder_ / "model", .to = folder_ / "checkpoint", .data = "data"});
    saved_.emplace(folder_ / "checkpoint");
    ModelShape shape = saved_->shape();
    shape.attention_backend = AttentionBackend::sdpa;
    model_.emplace(*saved_, shape, backend_);
  }
  SampleRequest request(int64_t max_tokens = 20) const {
    return {.prompt = {3, 10, 31}, .max_tokens = max_tokens, .context = 64, .vocab_size = kVocab};
  }
  Sample draw(const SampleRequest& request) {
    return sample_model(*model_, request, [](int32_t) {});
  }
  /// The most probable continuation, by whole passes of one size.
  std::vector<int32_t> greedy_by_hand(std::vector<int32_t> tokens, int64_t n, int64_t context) {
    std::vector<int32_t> result;
    model_->resize(1, context);
    for (int64_t i = 0; i < n; ++i) {
      const int64_t seen = std::min(std::ssize(tokens), context);
      const std::vector<float> logits =
          model_->next_logits(std::span(tokens).last(static_cast<std::size_t>(seen)));
      const auto best = std::max_element(logits.begin(), logits.end());
      result.push_back(static_cast<int32_t>(best - logits.begin()));
      tokens.push_back(result.back());
    }
    return result;
  }

  test::TempDir folder_;
  Backend backend_ = make_cpu_backend({});
  std::optional<SavedModel> saved_;
  std::optional<InferenceModel> model_;
};

TEST_F(Sampling, the_same_seed_gives_the_same_tokens_and_another_does_not) {
  const Sample first = draw(request());
  EXPECT_EQ(first.tokens.size(), 20U);
  EXPECT_EQ(draw(request()).tokens, first.tokens);
  SampleRequest other = request();
  other.seed = 2;
  EXPECT_NE(draw(other).tokens, first.tokens);
  other = request();
  other.sample = 1;
  EXPECT_NE(draw(other).tokens, first.tokens);
}

TEST_F(Sampling, at_temperature_0_the_most_probable_tokens_come_whatever_the_room) {
  SampleRequest greedy = request(70);  // passes room of 64 and the context
  greedy.params.temperature = 0;
  EXPECT_EQ(draw(greedy).tokens, greedy_by_hand(greedy.prompt, 70, 64));
}

TEST_F(Sampling, tokens_are_shown_as_they_come) {
  std::vector<int32_t> shown;
  const Sample sample =
      sample_model(*model_, request(), [&](int32_t token) { shown.push_back(token); });
  EXPECT_EQ(shown, sample.tokens);
  EXPECT_EQ(sample.end, SampleEnd::max_tokens);
}

TEST_F(Sampling, ends_at_the_end_of_a_document_which_is_not_part_of_it) {
  const std::vector<int32_t> whole = draw(request()).tokens;
  SampleRequest ending = request();
  ending.eot_token = whole[7];
  const auto first = std::find(whole.begin(), whole.end(), whole[7]);
  const Sample sample = draw(ending);
  EXPECT_EQ(sample.end, SampleEnd::end_of_document);
  EXPECT_EQ(sample.tokens, std::vector<int32_t>(whole.begin(), first));
}

TEST_F(Sampling, ids_that_pad_the_vocabulary_are_never_drawn) {
  SampleRequest few = request(50);
  few.vocab_size = 5;
  const std::vector<int32_t> tokens = draw(few).tokens;
  EXPECT_LT(*std::max_element(tokens.begin(), tokens.end()), 5);
}

/// Rotary positions are relative, so that a document's place does not matter.
TEST_F(Sampling, documents_before_are_not_seen_where_training_did_not_see_them) {
  const std::filesystem::path path = folder_ / "checkpoint" / kCheckpointConfigName;
  std::string config = read_text_file(path);
  const std::string key = "document_mask: ";
  const std::size_t at = config.find(key + "false");
  ASSERT_NE(at, std::string::npos);
  write_text_file(path, config.replace(at, key.size() + 5, key + "true"));
  const SavedModel saved(folder_ / "checkpoint");
  InferenceModel masked(saved, model_->shape(), backend_, 96);
  masked.resize(1, 16);
  model_->resize(1, 16);
  const std::vector<int32_t> two = {3, 10, 96, 31, 7};
  const std::vector<int32_t> second = {31, 7};
  const std::vector<float> alone = model_->next_logits(second);
  EXPECT_LT(largest_difference(masked.next_logits(two), alone), 1e-5F);
  EXPECT_GT(largest_difference(model_->next_logits(two), alone), 1e-2F);
}

}  // namespace
}  // namespace isoflop
