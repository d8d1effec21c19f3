// SPDX-License-Identifier: MIT
#include "core/model/parameter_list.hpp"

#include "core/base/error.hpp"
#include "core/model/param_count.hpp"
#include "support/error_matchers.hpp"
#include "support/published_shapes.hpp"

#include <set>

namespace isoflop {
namespace {

int64_t total_size(const std::vector<ParameterUnit>& units) {
  int64_t sum = 0;
  for (const ParameterUnit& unit : units)
    for (const ParameterTensor& tensor : unit.tensors) sum += tensor.size();
  return sum;
}

std::vector<std::string> names(const ParameterUnit& unit) {
  std::vector<std::string> result;
  for (const ParameterTensor& tensor : unit.tensors) result.push_back(tensor.name);
  return result;
}

const ParameterTensor& find(const std::vector<ParameterUnit>& units, const std::string& name) {
  for (const ParameterUnit& unit : units)
    for (const ParameterTensor& tensor : unit.tensors)
      if (tensor.name == name) return tensor;
  throw std::out_of_range(name);
}

TEST(ParameterList, sums_to_the_parameter_count) {
  EXPECT_EQ(total_size(parameter_units(test::gpt2_124m())), 124'439'808);
  EXPECT_EQ(total_size(parameter_units(test::llama_7b())), 6'738'415'616);
  EXPECT_EQ(total_size(parameter_units(test::llama3_405b())), 405'853'388'800);
}

/// Every combination of the switches that add, drop or resize a tensor.
TEST(ParameterList, sums_to_the_parameter_count_for_every_hybrid) {
  for (int bits = 0; bits < 256; ++bits) {
    ModelShape shape = test::llama({3, 96, 6, bits & 1 ? 2 : 6, 200, 257, 64});
    shape.norm = bits & 2 ? NormKind::layernorm : NormKind::rmsnorm;
    shape.position = bits & 4 ? PositionEncoding::learned_absolute : PositionEncoding::rope;
    shape.ffn = bits & 8 ? FfnType::standard : FfnType::gated;
    shape.qkv_bias = bits & 16;
    shape.attention_out_bias = bits & 32;
    shape.ffn_bias = bits & 64;
    shape.tied_embeddings = bits & 128;
    EXPECT_EQ(total_size(parameter_units(shape)), count_params(shape).total()) << bits;
  }
}

TEST(ParameterList, units_stand_in_forward_order) {
  const std::vector<ParameterUnit> units = parameter_units(test::gpt2(2, 768, 12));
  ASSERT_EQ(units.size(), 4u);
  EXPECT_EQ(units[0].name, "embedding");
  EXPECT_EQ(units[1].name, "block.0");
  EXPECT_EQ(units[2].name, "block.1");
  EXPECT_EQ(units[3].name, "head");
}

TEST(ParameterList, gpt2_tensors_stand_in_forward_order_with_biases_after_weights) {
  const std::vector<ParameterUnit> units = parameter_units(test::gpt2(1, 768, 12));
  EXPECT_THAT(names(units[0]),
              testing::ElementsAre("embedding.token.weight", "embedding.position.weight"));
  EXPECT_THAT(names(units[1]),
              testing::ElementsAre("block.0.norm1.weight", "block.0.norm1.bias",
                                   "block.0.attention.qkv.weight", "block.0.attention.qkv.bias",
                                   "block.0.attention.out.weight", "block.0.attention.out.bias",
                                   "block.0.norm2.weight", "block.0.norm2.bias",
                                   "block.0.ffn.in.weight", "block.0.ffn.in.bias",
                                   "block.0.ffn.out.weight", "block.0.ffn.out.bias"));
  EXPECT_THAT(names(units[2]), testing::ElementsAre("head.norm.weight", "head.norm.bias"));
}

TEST(ParameterList, matrices_are_out_by_in) {
  const std::vector<ParameterUnit> units = parameter_units(test::llama3_8b());
  EXPECT_THAT(find(units, "block.31.attention.qkv.weight").shape, testing::ElementsAre(6144, 4096));
  EXPECT_THAT(find(units, "block.31.attention.out.weight").shape, testing::ElementsAre(4096, 4096));
  EXPECT_THAT(find(units, "block.31.ffn.in.weight").shape, testing::ElementsAre(28672, 4096));
  EXPECT_THAT(find(units, "block.31.ffn.out.weight").shape, testing::ElementsAre(4096, 14336));
  EXPECT_THAT(find(units, "head.output.weight").shape, testing::ElementsAre(128256, 4096));
}

TEST(ParameterList, matrices_that_write_to_the_residual_stream_start_smaller) {
  const std::vector<ParameterUnit> units = parameter_units(test::gpt2_124m());
  EXPECT_EQ(find(units, "block.0.attention.out.weight").init, ParameterInit::residual_normal);
  EXPECT_EQ(find(units, "block.0.ffn.out.weight").init, ParameterInit::residual_normal);
  EXPECT_EQ(find(units, "block.0.attention.qkv.weight").init, ParameterInit::normal);
  EXPECT_EQ(find(units, "block.0.ffn.in.bias").init, ParameterInit::zeros);
  EXPECT_EQ(find(units, "head.norm.weight").init, ParameterInit::ones);
}

TEST(ParameterList, depth_scaled_init_can_be_turned_off) {
  ModelShape shape = test::gpt2_124m();
  shape.depth_scaled_init = false;
  EXPECT_EQ(find(parameter_units(shape), "block.0.ffn.out.weight").init, ParameterInit::normal);
}

TEST(ParameterList, norms_of_queries_and_keys_stand_behind_qkv) {
  ModelShape shape = test::llama3_8b();
  shape.qk_norm = true;
  const std::vector<ParameterUnit> units = parameter_units(shape);
  EXPECT_EQ(names(units[1])[2], "block.0.attention.q_norm.weight");
  EXPECT_EQ(names(units[1])[3], "block.0.attention.k_norm.weight");
  EXPECT_THAT(find(units, "block.0.attention.k_norm.weight").shape, testing::ElementsAre(128));
}

TEST(ParameterList, post_norm_has_no_final_norm_and_tied_no_head_at_all) {
  ModelShape shape = test::llama_7b();
  shape.norm_position = NormPosition::post;
  EXPECT_THAT(names(parameter_units(shape).back()), testing::ElementsAre("head.output.weight"));
  shape.tied_embeddings = true;
  EXPECT_EQ(parameter_units(shape).back().name, "block.31");
}

// The list that is allocated and the count that is printed come from two formulas.
TEST(ParameterList, sizes_add_up_to_the_count_for_any_mix_of_options) {
  for (int mix = 0; mix < 64; ++mix) {
    ModelShape shape = test::llama3_8b();
    shape.norm = static_cast<NormKind>(mix % 3);
    shape.norm_position = mix & 1 ? NormPosition::post : NormPosition::pre;
    shape.tied_embeddings = mix & 2;
    shape.qk_norm = mix & 4;
    shape.ffn = mix & 8 ? FfnType::standard : FfnType::gated;
    shape.qkv_bias = shape.ffn_bias = mix & 16;
    shape.attention_out_bias = mix & 32;
    shape.position = static_cast<PositionEncoding>(mix / 3 % 3);
    int64_t size = 0;
    for (const ParameterUnit& unit : parameter_units(shape))
      for (const ParameterTensor& tensor : unit.tensors) size += tensor.size();
    EXPECT_EQ(size, count_params(shape).total()) << short_name(shape);
  }
}

TEST(ParameterList, kinds_tell_matrices_from_tables_and_vectors) {
  const std::vector<ParameterUnit> units = parameter_units(test::llama_7b());
  EXPECT_EQ(find(units, "embedding.token.weight").kind, ParameterKind::embedding);
  EXPECT_EQ(find(units, "head.output.weight").kind, ParameterKind::matrix);
  EXPECT_EQ(find(units, "block.0.norm1.weight").kind, ParameterKind::vector);
}

TEST(ParameterList, names_are_unique) {
  std::set<std::string> seen;
  for (const ParameterUnit& unit : parameter_units(test::gpt2_124m()))
    for (const ParameterTensor& tensor : unit.tensors)
      EXPECT_TRUE(seen.insert(tensor.name).second) << tensor.name;
}

TEST(ParameterList, refuses_what_the_trainer_cannot_run_by_name) {
  const auto message = [](const ModelShape& shape) {
    return test::message_of<ConfigError>([&] { parameter_units(shape); });
  };
  EXPECT_THAT(message(test::mixtral_8x7b()), testing::HasSubstr("mixture of experts"));
  ModelShape shape = test::llama_7b();
  shape.n_mtp_layer = 1;
  EXPECT_THAT(message(shape), testing::HasSubstr("multi-token prediction"));
  shape = test::llama_7b();
  shape.mla = test::deepseek_v3().mla;
  EXPECT_THAT(message(shape), testing::HasSubstr("latent attention"));
}

}  // namespace
}  // namespace isoflop
