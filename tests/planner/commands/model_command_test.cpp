// SPDX-License-Identifier: MIT
#include "core/base/config_node.hpp"
#include "core/base/text_file.hpp"
#include "support/run_program.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

test::ProgramResult model(const std::string& arguments) {
  return test::run_command(test::program_path("planner") + " model " + arguments);
}

TEST(ModelCommand, a_shipped_name_gives_count_flops_and_memory) {
  const test::ProgramResult result = model("llama-7b");
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("6,738,415,616 (6.74 B)"));
  EXPECT_THAT(result.output, ContainsRegex("\ntotal +13.751 +14.288 +41.253 +42.864 "));
  EXPECT_THAT(result.output, HasSubstr("113 GiB with AdamW (18 bytes a parameter)"));
}

TEST(ModelCommand, experts_show_active_parameters_and_prediction_layers_apart) {
  const test::ProgramResult result = model("deepseek-v3 --seq-len 4096");
  EXPECT_THAT(result.output, HasSubstr("671,026,419,200 (671 B)"));
  EXPECT_THAT(result.output, HasSubstr("37,552,297,472 (37.6 B) a token visits, 5.6 % of all"));
  EXPECT_THAT(result.output,
              HasSubstr("d_ff 18432 in 3 layers, 256 + 1 experts of 2048, 8 + 1 active"));
  EXPECT_THAT(result.output, HasSubstr("for multi-token prediction, not in the total"));
}

TEST(ModelCommand, several_lengths_give_a_table_each) {
  const test::ProgramResult result = model("llama-7b --seq-len 2048,4096");
  EXPECT_THAT(result.output, HasSubstr("in sequences of 2048"));
  EXPECT_THAT(result.output, HasSubstr("in sequences of 4096"));
}

TEST(ModelCommand, older_formulas_stand_beside_what_is_right) {
  EXPECT_THAT(model("llama-7b").output, Not(HasSubstr("By the formula")));
  EXPECT_THAT(model("llama-7b --flops-formula academic").output,
              HasSubstr("27.25 GFLOP a token, 55.80 TFLOP a sequence; forward is 13.75 GFLOP"));
  EXPECT_THAT(model("llama-7b --flops-formula academic-12h2").output, HasSubstr("23.62 GFLOP"));
  EXPECT_THAT(model("llama-7b --flops-formula standard-transformer").output,
              HasSubstr("5,295,570,944 parameters (5.30 B); the model has 6,738,415,616"));
}

TEST(ModelCommand, json_is_one_document_with_units_in_its_keys) {
  const test::ProgramResult result = model("gpt2-124m --flops-formula nanogpt --json");
  MapReader root(ConfigNode::parse(result.output, "output", ConfigSyntax::json_with_comments));
  EXPECT_EQ(root.required<int64_t>("n_params"), 124'439'808);
  MapReader sequence(root.required_node("sequences").items().front());
  EXPECT_EQ(sequence.required<int64_t>("seq_len"), 1024);
  MapReader causal(sequence.required_node("forward_flops_per_token_causal"));
  EXPECT_NEAR(causal.required<double>("training_total"), 0.798e9, 0.001e9);
  EXPECT_DOUBLE_EQ(
      MapReader(sequence.required_node("formula")).required<double>("training_flops_per_token"),
      855'166'464.0);
  EXPECT_THAT(result.output, Not(HasSubstr("null")));
}

TEST(ModelCommand, a_config_json_is_read_by_file_or_by_folder) {
  const test::TempDir dir;
  write_text_file(dir / "config.json", R"({
    // Llama 3 8B
    "model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336,
    "max_position_embeddings": 8192, "num_attention_heads": 32, "num_hidden_layers": 32,
    "num_key_value_heads": 8, "vocab_size": 128256})");
  EXPECT_THAT(model((dir / "config.json").string()).output, HasSubstr("8,030,261,248"));
  EXPECT_THAT(model(dir.path().string()).output, HasSubstr("8,030,261,248"));
}

TEST(ModelCommand, what_only_counts_is_said) {
  const test::TempDir dir;
  write_text_file(dir / "config.json", R"({"model_type": "gpt_neox", "hidden_size": 512,
    "intermediate_size": 2048, "num_attention_heads": 8, "num_hidden_layers": 6,
    "vocab_size": 50304})");
  const test::ProgramResult result = model(dir.path().string());
  EXPECT_THAT(result.output, HasSubstr("70,426,624"));
  EXPECT_THAT(result.output, HasSubstr("does not run it: it has a parallel residual"));
}

TEST(ModelCommand, wrong_input_is_one_line_with_a_remedy) {
  const std::tuple<const char*, int, const char*> cases[] = {
      {"lama-7b", 2, "did you mean 'llama-7b'?"},
      {"missing.json", 3, "missing.json"},
      {"", 2, "MODEL is required"},
      {"llama-7b --seq-len 0", 2, "--seq-len is 0"},
      {"llama-7b --seq-len x", 2, "--seq-len"},
      {"gpt2-124m --seq-len 2048", 2, "position table has 1024 rows"},
      {"llama-7b --precision fp8", 2, "use bf16, fp16, tf32 or fp32"},
      {"llama-7b --flops-formula 6n", 2, "did you mean '6nd'?"},
      {"deepseek-v3 --flops-formula academic", 2, "knows no experts"}};
  for (const auto& [arguments, exit_code, message] : cases) {
    const test::ProgramResult result = model(arguments);
    EXPECT_EQ(result.exit_code, exit_code) << arguments;
    EXPECT_THAT(result.output, HasSubstr("planner: error: ")) << arguments;
    EXPECT_THAT(result.output, HasSubstr(message)) << arguments;
    EXPECT_EQ(std::count(result.output.begin(), result.output.end(), '\n'), 1) << arguments;
  }
}

}  // namespace
}  // namespace isoflop
