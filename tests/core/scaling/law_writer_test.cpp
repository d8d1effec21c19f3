// SPDX-License-Identifier: MIT
#include "core/scaling/law_writer.hpp"

#include "core/scaling/law_catalog.hpp"

#include <gmock/gmock.h>

namespace isoflop {
namespace {

ScalingLaw read_back(const ScalingLaw& law) {
  return LawCatalog(ConfigNode::parse(law_document(law), "law.yaml")).default_law();
}

void expect_equal(const Range& a, const Range& b) {
  EXPECT_EQ(a.low, b.low);
  EXPECT_EQ(a.high, b.high);
}

// besiroglu has every part that a law can have.
TEST(LawWriter, every_law_of_the_data_folder_reads_back_the_same) {
  const LawCatalog catalog = LawCatalog::load();
  for (const ScalingLaw& law : catalog.laws()) {
    const ScalingLaw back = read_back(law);
    EXPECT_EQ(back.name, law.name);
    EXPECT_EQ(back.title, law.title);
    EXPECT_EQ(back.covariance, law.covariance);
    ASSERT_EQ(back.optimal_params_95.size(), law.optimal_params_95.size());
    for (std::size_t i = 0; i < law.optimal_params_95.size(); ++i) {
      EXPECT_EQ(back.optimal_params_95[i].compute_flops, law.optimal_params_95[i].compute_flops);
      expect_equal(back.optimal_params_95[i].interval, law.optimal_params_95[i].interval);
    }
    EXPECT_EQ(loss(back, 3e9, 7e10), loss(law, 3e9, 7e10));
    EXPECT_EQ(back.counted_params, law.counted_params);
    EXPECT_EQ(back.tokenizer.name, law.tokenizer.name);
    EXPECT_EQ(back.tokenizer.vocab_size, law.tokenizer.vocab_size);
    ASSERT_EQ(back.tokenizer.comparable_vocab_size.has_value(),
              law.tokenizer.comparable_vocab_size.has_value());
    expect_equal(back.fitted_compute_flops, law.fitted_compute_flops);
    expect_equal(back.fitted_params, law.fitted_params);
    expect_equal(back.fitted_tokens, law.fitted_tokens);
    expect_equal(back.usable_compute_flops, law.usable_compute_flops);
    EXPECT_EQ(back.source, law.source);
  }
}

}  // namespace
}  // namespace isoflop
