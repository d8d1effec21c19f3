// SPDX-License-Identifier: MIT
#include "trainer/options.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "support/error_matchers.hpp"
#include "tiny_training.hpp"

#include <fstream>

namespace isoflop {
namespace {

using testing::HasSubstr;

std::optional<TrainerOptions> parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "trainer");
  return parse_options(static_cast<int>(arguments.size()), arguments.data());
}

std::string error_of(const std::vector<const char*>& arguments) {
  return test::message_of<ConfigError>([&] { parse(arguments); });
}

TEST(TrainerOptions, a_configuration_alone_trains) {
  const auto options = parse({"plan.yaml"});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->action, TrainerAction::train);
  EXPECT_EQ(options->config, "plan.yaml");
  EXPECT_EQ(options->log_level, log::Level::info);
  EXPECT_THAT(options->argv, testing::ElementsAre("trainer", "plan.yaml"));
}

TEST(TrainerOptions, check_and_log_level_are_taken) {
  const auto options = parse({"--check", "--log-level", "debug", "plan.yaml"});
  EXPECT_EQ(options->action, TrainerAction::check);
  EXPECT_EQ(options->log_level, log::Level::debug);
}

TEST(TrainerOptions, steps_to_profile_are_taken_and_checked) {
  EXPECT_EQ(parse({"plan.yaml"})->profile, std::nullopt);
  const auto options = parse({"plan.yaml", "--profile", "10:15", "--profile-ranks", "2"});
  EXPECT_EQ(options->profile, (ProfileRequest{StepRange{10, 15}, 6, 2}));
  EXPECT_EQ(parse({"plan.yaml", "--profile", "5"})->profile->n_ranks, 8);
  EXPECT_THAT(error_of({"plan.yaml", "--profile", "soon"}),
              HasSubstr("--profile is 'soon' (no steps)"));
  EXPECT_THAT(error_of({"plan.yaml", "--profile-ranks", "2"}), HasSubstr("--profile"));
  EXPECT_THAT(error_of({"plan.yaml", "--profile", "5", "--profile-ranks", "0"}),
              HasSubstr("--profile-ranks"));
}

TEST(TrainerOptions, overrides_keep_their_order_and_may_hold_equal_signs) {
  const auto options = parse({"a.yaml", "--set", "run.name=x=y", "--set", "optimizer.lr=3e-4"});
  EXPECT_THAT(options->overrides, testing::ElementsAre(testing::Pair("run.name", "x=y"),
                                                       testing::Pair("optimizer.lr", "3e-4")));
}

TEST(TrainerOptions, an_override_takes_one_argument_and_leaves_the_next_to_the_configuration) {
  const auto options = parse({"--set", "schedule.steps=3", "plan.yaml"});
  EXPECT_EQ(options->config, "plan.yaml");
}

TEST(TrainerOptions, device_is_an_override_after_all_others) {
  const auto options = parse({"--device", "cuda", "a.yaml", "--set", "device.kind=cpu"});
  EXPECT_EQ(options->config, "a.yaml");
  EXPECT_THAT(options->overrides, testing::ElementsAre(testing::Pair("device.kind", "cpu"),
                                                       testing::Pair("device.kind", "cuda")));
}

TEST(TrainerOptions, bootstrap_is_automatic_or_as_given) {
  EXPECT_EQ(parse({"run.yaml"})->bootstrap.kind, BootstrapKind::automatic);
  EXPECT_EQ(parse({"run.yaml", "--bootstrap", "mpi"})->bootstrap.kind, BootstrapKind::mpi);
  EXPECT_EQ(parse({"run.yaml", "--bootstrap", "tcp:a:5"})->bootstrap.place, "a:5");
  EXPECT_EQ(parse({"--bootstrap", "tcp", "bench"})->bootstrap.kind, BootstrapKind::tcp);
  EXPECT_THAT(error_of({"run.yaml", "--bootstrap", "udp"}), HasSubstr("--bootstrap is 'udp'"));
}

TEST(TrainerOptions, override_without_key_or_equal_sign_is_an_error) {
  for (const char* const wrong : {"optimizer.lr", "=3"})
    EXPECT_THAT(error_of({"a.yaml", "--set", wrong}),
                HasSubstr(std::string("--set is '") + wrong + "' (needs key=value)"));
}

TEST(TrainerOptions, unknown_option_and_missing_configuration_point_to_help) {
  EXPECT_THAT(error_of({"a.yaml", "--steps", "3"}), HasSubstr("--steps"));
  EXPECT_THAT(error_of({"a.yaml", "--steps", "3"}), HasSubstr("see trainer --help"));
  EXPECT_THAT(error_of({}), HasSubstr("CONFIG is missing"));
  EXPECT_THAT(error_of({"--check"}), HasSubstr("CONFIG is missing"));
}

TEST(TrainerOptions, unknown_log_level_is_an_error) {
  EXPECT_THAT(error_of({"a.yaml", "--log-level", "loud"}), HasSubstr("loud"));
}

TEST(TrainerOptions, bench_needs_no_configuration) {
  const auto options = parse({"bench", "--name", "node", "--out", "device.yaml"});
  EXPECT_EQ(options->action, TrainerAction::bench);
  EXPECT_EQ(options->bench_name, "node");
  EXPECT_EQ(options->bench_out, "device.yaml");
}

TEST(TrainerOptions, bench_of_a_model_takes_lists_and_refuses_what_describes_a_device) {
  const auto options = parse({"bench", "--model", "m.yaml", "--precision", "fp32,bf16", "--seq-len",
                              "64,256", "--batch", "2"});
  EXPECT_EQ(options->bench_model, "m.yaml");
  EXPECT_EQ(options->bench_precisions, (std::vector{Precision::fp32, Precision::bf16}));
  EXPECT_EQ(options->bench_seq_lens, (std::vector<int64_t>{64, 256}));
  EXPECT_EQ(options->bench_batch_size, 2);
  for (const char* const option : {"--out", "--name"})
    EXPECT_THAT(error_of({"bench", "--model", "m.yaml", option, "x"}), HasSubstr("excludes"));
  EXPECT_THAT(error_of({"bench", "--seq-len", "64"}), HasSubstr("--model"));
}

TEST(TrainerOptions, options_is_a_list_of_keys_and_nothing_else) {
  EXPECT_EQ(parse({"options"})->action, TrainerAction::list_options);
  EXPECT_THAT(error_of({"--set", "run.seed=1", "options"}),
              HasSubstr("options takes no CONFIG, --set or --device"));
}

TEST(TrainerOptions, a_key_of_a_model_file_can_be_replaced) {
  const test::TempDir folder;
  write_text_file(folder / "model.yaml", "preset: gpt2\nn_layer: 2\nd_model: 64\nn_head: 4\n");
  write_text_file(folder / "train.yaml",
                  "run: {name: x}\nmodel: model.yaml\ndata: {path: d, seq_len: 8}\n"
                  "layout: {micro_batch_size: 1, global_batch_size: 1}\noptimizer: {lr: 1e-3}\n"
                  "schedule: {steps: 1}\n");
  TrainerOptions options;
  options.config = folder / "train.yaml";
  options.overrides = {{"model.position_encoding", "rope"}};
  const ModelShape model = load_config(options).model;
  EXPECT_EQ(model.name, "2L-4H-64D-RoPE-LN-GELU-PreNorm");
  options.overrides = {{"model.position_encodng", "rope"}};
  EXPECT_THAT(test::message_of<ConfigError>([&] { load_config(options); }),
              testing::StartsWith("--set model.position_encodng: unknown key"));
}

TEST(TrainerOptions, bench_refuses_what_it_would_ignore) {
  for (const std::vector<const char*>& arguments :
       {std::vector{"--device", "cuda", "bench"}, std::vector{"--set", "run.seed=1", "bench"},
        std::vector{"plan.yaml", "bench"}})
    EXPECT_THAT(error_of(arguments), HasSubstr("bench takes no CONFIG, --set or --device"));
}

TEST(TrainerOptions, help_is_no_training) {
  testing::internal::CaptureStdout();
  EXPECT_FALSE(parse({"--help"}));
  EXPECT_THAT(testing::internal::GetCapturedStdout(), HasSubstr("--set"));
}

class LoadConfig : public testing::Test {
 protected:
  LoadConfig() {
    std::ofstream(path_) << write_train_config(test::tiny_config(test::tiny_llama(), "data"), "");
  }
  TrainConfig load(const std::vector<std::pair<std::string, std::string>>& overrides) const {
    TrainerOptions options;
    options.config = path_;
    options.overrides = overrides;
    return load_config(options);
  }
  test::TempDir folder_;
  std::filesystem::path path_ = folder_ / "train.yaml";
};

TEST_F(LoadConfig, overrides_replace_values) {
  const TrainConfig config = load({{"schedule.steps", "7"}, {"optimizer.lr", "0.5"}});
  EXPECT_EQ(config.schedule.steps, 7);
  EXPECT_EQ(config.optimizer.lr, 0.5);
  EXPECT_EQ(config.model, test::tiny_llama());
}

TEST_F(LoadConfig, the_last_override_of_a_key_wins) {
  EXPECT_EQ(load({{"schedule.steps", "7"}, {"schedule.steps", "9"}}).schedule.steps, 9);
}

TEST_F(LoadConfig, a_wrong_override_is_an_error_that_names_it) {
  EXPECT_THAT(test::message_of<ConfigError>([&] {
                load({{"schedule.stepz", "7"}});
              }),
              testing::AllOf(HasSubstr("stepz"), HasSubstr("steps")));
  EXPECT_THAT(test::message_of<ConfigError>([&] {
                load({{"schedule.steps", "0"}});
              }),
              HasSubstr("steps is '0'"));
}

EnvironmentLookup environment_of_rank(const std::string& rank) {
  return [rank](const char* name) -> std::optional<std::string> {
    if (std::string(name) == "RANK") return rank;
    if (std::string(name) == "WORLD_SIZE") return "2";
    return std::nullopt;
  };
}

TEST_F(LoadConfig, ranks_meet_in_the_folder_of_run_files_unless_told_where) {
  TrainerOptions options;
  options.config = path_;
  options.overrides = {{"run.out", "/scratch/runs"}};
  options.bootstrap = {BootstrapKind::file, ""};
  EXPECT_EQ(choose_bootstrap(options, environment_of_rank("1")).place, "/scratch/runs");
  options.bootstrap.place = "elsewhere";
  EXPECT_EQ(choose_bootstrap(options, environment_of_rank("1")).place, "elsewhere");
}

TEST_F(LoadConfig, rank_0_alone_reports_what_keeps_the_ranks_from_meeting) {
  TrainerOptions options;
  options.config = "/nonexistent/plan.yaml";
  options.bootstrap = {BootstrapKind::file, ""};
  EXPECT_THROW(choose_bootstrap(options, environment_of_rank("0")), FileError);
  EXPECT_THROW(choose_bootstrap(options, environment_of_rank("1")), ReportedElsewhereError);
}

TEST(LoadConfigFile, missing_file_is_named) {
  TrainerOptions options;
  options.config = "/nonexistent/plan.yaml";
  EXPECT_THAT(test::message_of<FileError>([&] { load_config(options); }),
              HasSubstr("/nonexistent/plan.yaml"));
}

}  // namespace
}  // namespace isoflop
