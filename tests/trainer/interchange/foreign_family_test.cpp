// SPDX-License-Identifier: MIT
#include "trainer/interchange/foreign_family.hpp"

#include "core/base/error.hpp"
#include "support/error_matchers.hpp"
#include "tiny_training.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace isoflop {
namespace {

using test::message_of;
using testing::HasSubstr;

ForeignFamily family_of(const ModelShape& shape) { return foreign_family(shape, "here"); }

TEST(ForeignFamily, rows_stand_in_the_order_of_enumerators) {
  for (const ForeignFamilyRow& row : kForeignFamilies) EXPECT_EQ(&row_of(row.value), &row);
}

TEST(ForeignFamily, follows_from_positions_biases_and_norms_of_queries) {
  EXPECT_EQ(family_of(test::tiny_gpt2()), ForeignFamily::gpt2);
  ModelShape shape = test::tiny_llama();
  EXPECT_EQ(family_of(shape), ForeignFamily::llama);
  shape.qkv_bias = true;
  EXPECT_EQ(family_of(shape), ForeignFamily::qwen2);
  shape.attention_out_bias = true;
  EXPECT_EQ(family_of(shape), ForeignFamily::llama);
  shape.qk_norm = true;
  EXPECT_EQ(family_of(shape), ForeignFamily::qwen3);
}

TEST(ForeignFamily, refuses_what_no_model_of_transformers_computes_by_its_key) {
  struct Case {
    ModelShape shape;
    std::function<void(ModelShape&)> change;
    const char* message;
  };
  const ModelShape gpt2 = test::tiny_gpt2();
  const ModelShape llama = test::tiny_llama();
  for (const Case& wrong : {
           Case{gpt2, [](ModelShape& s) { s.norm_position = NormPosition::post; },
                "model.norm_position is 'post'"},
           Case{gpt2, [](ModelShape& s) { s.norm = NormKind::rmsnorm; },
                "model.normalization is 'rmsnorm'"},
           Case{gpt2, [](ModelShape& s) { s.ffn = FfnType::gated; }, "model.ffn_type is 'gated'"},
           Case{gpt2, [](ModelShape& s) { s.qk_norm = true; }, "model.qk_norm is 'true'"},
           Case{gpt2, [](ModelShape& s) { s.n_kv_head = 2; }, "model.n_kv_head is '2'"},
           Case{gpt2, [](ModelShape& s) { s.d_head = 8; }, "model.n_head x d_head is '32'"},
           Case{llama, [](ModelShape& s) { s.norm_position = NormPosition::post; },
                "model.norm_position is 'post'"},
           Case{llama, [](ModelShape& s) { s.norm = NormKind::layernorm; },
                "model.normalization is 'layernorm'"},
           Case{llama, [](ModelShape& s) { s.ffn = FfnType::standard; },
                "model.ffn_type is 'standard'"},
           Case{llama, [](ModelShape& s) { s.qk_norm = s.ffn_bias = true; },
                "model.ffn_bias is 'true'"},
           Case{llama, [](ModelShape& s) { s.position = PositionEncoding::none; },
                "model.position_encoding is 'none'"},
       }) {
    ModelShape shape = wrong.shape;
    wrong.change(shape);
    const std::string message = message_of<ConfigError>([&] { family_of(shape); });
    EXPECT_THAT(message, HasSubstr(wrong.message));
    EXPECT_THAT(message, testing::StartsWith("here: "));
  }
}

}  // namespace
}  // namespace isoflop
