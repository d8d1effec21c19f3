// SPDX-License-Identifier: MIT
#include "trainer/bench/model_bench.hpp"

#include "core/base/error.hpp"
#include "core/model/model_config.hpp"
#include "support/error_matchers.hpp"

namespace isoflop {
namespace {

ModelBench tiny() {
  return {.model = read_model(ConfigNode::parse(
              "n_layer: 1\nd_model: 16\nn_head: 2\nvocab_size: 64\nmax_seq_len: 16\n", "tiny")),
          .seq_lens = {8, 17},
          .batch_size = 1};
}

TEST(ModelBench, refuses_sequences_longer_than_the_model_has_positions_before_it_measures) {
  testing::internal::CaptureStdout();
  EXPECT_THAT(test::message_of<ConfigError>([] { run_model_bench(tiny()); }),
              testing::HasSubstr("bench --seq-len is '17'"));
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
}

TEST(ModelBench, prints_a_row_for_each_precision_and_length) {
  ModelBench bench = tiny();
  bench.seq_lens = {8};
  bench.precisions = {Precision::fp32, Precision::bf16};
  testing::internal::CaptureStdout();
  run_model_bench(bench);
  const std::string printed = testing::internal::GetCapturedStdout();
  EXPECT_THAT(printed, testing::HasSubstr("1L-2H-16D-RoPE-RMS-SwiGLU-PreNorm"));
  EXPECT_THAT(printed, testing::HasSubstr("\nfp32         1      8"));
  EXPECT_THAT(printed, testing::HasSubstr("\nbf16         1      8"));
}

}  // namespace
}  // namespace isoflop
