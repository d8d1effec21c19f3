// SPDX-License-Identifier: MIT
#include "core/plan/train_config.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "core/model/param_count.hpp"
#include "support/error_matchers.hpp"
#include "support/published_shapes.hpp"
#include "support/temp_dir.hpp"

namespace isoflop {
namespace {

constexpr const char* kMinimal = R"(run:
  name: small
model:
  n_layer: 2
  d_model: 96
  n_head: 6
  vocab_size: 257
  max_seq_len: 64
data:
  path: data/small
  seq_len: 64
layout:
  micro_batch_size: 2
  global_batch_size: 8
optimizer:
  lr: 1e-3
schedule:
  steps: 100
)";

TrainConfig parse(const std::string& text) {
  return read_train_config(ConfigNode::parse(text, "train.yaml"));
}

/// kMinimal with the value at a dotted path replaced.
TrainConfig parse_with(const std::string& path, const std::string& value) {
  return read_train_config(ConfigNode::parse(kMinimal, "train.yaml").with_override(path, value));
}

std::string error_with(const std::string& path, const std::string& value) {
  return test::message_of<ConfigError>([&] { parse_with(path, value); });
}

/// No field at its default, so that a key that is not written or not read shows.
TrainConfig full_config() {
  TrainConfig config;
  config.run = {.name = "llama: 8B #1", .out = "out/runs", .seed = 99, .log_interval = 7};
  config.model = test::llama3_8b();
  config.model.rope_theta = 500000;
  config.data = {.path = "/data/my text", .seq_len = 4096};
  config.layout = {.strategy = ParallelStrategy::hsdp,
                   .n_ranks = 128,
                   .n_shard = 8,
                   .micro_batch_size = 2,
                   .global_batch_size = 512,
                   .recompute = Recompute::full,
                   .fsdp = {.reshard_after_forward = false, .min_unit_params = 10'000'000}};
  config.precision = Precision::bf16;
  config.optimizer = {.lr = 3.1e-4,
                      .beta1 = 0.91,
                      .beta2 = 0.951,
                      .eps = 1e-9,
                      .weight_decay = 0.05,
                      .grad_clip = 0.5};
  config.schedule = {.steps = 12345,
                     .warmup_steps = 100,
                     .min_lr_fraction = 0.05,
                     .kind = ScheduleKind::wsd,
                     .decay_fraction = 0.3,
                     .decay_shape = DecayShape::linear,
                     .batch_ramp = BatchRamp{.start = 256, .increment = 256, .steps = 100}};
  config.eval = {.interval = 500, .sequences = 1000};
  config.metrics = {.gradient_interval = 25};
  config.health = {.stall_factor = 20, .stall_min_s = 900, .pause_limit_s = 3600, .spike_sigma = 7};
  config.log = {.json = true, .progress = ProgressDisplay::off};
  config.device = {.kind = DeviceKind::cuda,
                   .deterministic = true,
                   .time_products = true,
                   .nccl_registration = NcclRegistration::symmetric,
                   .graphs = false,
                   .fuse_gelu = false,
                   .name = "NVIDIA H100 80GB HBM3",
                   .peak_tflops = 989.4,
                   .peak_source = "data/gpus.yaml"};
  config.prediction = Prediction{.cluster = "h100-16x8",
                                 .step_s = 1.0 / 3,
                                 .mfu = 0.412,
                                 .memory_gib = 61.7,
                                 .wall_s = 250000,
                                 .loss = 2.0123456789,
                                 .loss_law = "Besiroglu 2024"};
  return config;
}

TEST(TrainConfig, writing_and_reading_a_full_config_gives_an_equal_one) {
  EXPECT_EQ(parse(write_train_config(full_config(), "a header")), full_config());
}

TEST(TrainConfig, writing_and_reading_keeps_absent_values_absent) {
  const TrainConfig config = parse(kMinimal);
  const TrainConfig again = parse(write_train_config(config, ""));
  EXPECT_EQ(again, config);
  EXPECT_FALSE(again.layout.n_ranks);
  EXPECT_FALSE(again.device.peak_tflops);
  EXPECT_FALSE(again.prediction);
  TrainConfig no_loss = full_config();
  no_loss.prediction->loss.reset();
  EXPECT_EQ(parse(write_train_config(no_loss, "")), no_loss);
}

TEST(TrainConfig, products_are_timed_unless_the_run_is_deterministic_or_as_it_says) {
  DeviceConfig device;
  EXPECT_TRUE(device.times_products());
  device.deterministic = true;
  EXPECT_FALSE(device.times_products());
  device.time_products = true;
  EXPECT_TRUE(device.times_products());
  device.deterministic = false;
  device.time_products = false;
  EXPECT_FALSE(device.times_products());
}

TEST(TrainConfig, header_becomes_comment_lines_at_the_top) {
  const std::string text = write_train_config(full_config(), "written by planner\n\nfor h100");
  EXPECT_THAT(text, testing::StartsWith("# written by planner\n#\n# for h100\nrun:\n"));
  EXPECT_THAT(text, testing::EndsWith("\n"));
}

TEST(TrainConfig, absent_keys_take_the_documented_defaults) {
  const TrainConfig config = parse(kMinimal);
  EXPECT_EQ(config.run.out, "runs");
  EXPECT_EQ(config.layout.strategy, ParallelStrategy::ddp);
  EXPECT_EQ(config.layout.recompute, Recompute::none);
  EXPECT_EQ(config.precision, Precision::fp32);
  EXPECT_EQ(config.optimizer.beta2, 0.95);
  EXPECT_EQ(config.eval.interval, 0);
  EXPECT_EQ(config.metrics.gradient_interval, 10);
  EXPECT_EQ(config.device.kind, DeviceKind::automatic);
  EXPECT_FALSE(config.device.deterministic);
  EXPECT_TRUE(config.device.times_products());
  EXPECT_EQ(config.device.nccl_registration, NcclRegistration::off);
  EXPECT_TRUE(config.device.graphs);
  EXPECT_TRUE(config.device.fuse_gelu);
  EXPECT_EQ(config.tokens_per_step(), 8 * 64);
}

TEST(TrainConfig, model_may_be_a_path_relative_to_the_file) {
  const test::TempDir folder;
  std::filesystem::create_directories(folder / "train");
  write_text_file(folder / "tiny.yaml",
                  "n_layer: 3\nd_model: 32\nn_head: 2\nvocab_size: 300\nmax_seq_len: 128\n");
  std::string text = kMinimal;
  const std::size_t begin = text.find("model:");
  text.replace(begin, text.find("data:") - begin, "model: ../tiny.yaml\n");
  write_text_file(folder / "train/train.yaml", text);
  const TrainConfig config = read_train_config(ConfigNode::load(folder / "train/train.yaml"));
  EXPECT_EQ(config.model.n_layer, 3);
  EXPECT_EQ(config.model.vocab_size, 300);
}

TEST(TrainConfig, shipped_quick_test_is_valid_and_runs_the_quick_model) {
  const TrainConfig config = read_train_config(
      ConfigNode::load(std::string(ISOFLOP_SOURCE_DIR) + "/configs/train/quick-test.yaml"));
  EXPECT_EQ(config.model.name, "quick");
  EXPECT_EQ(config.data.path, "data/quick");
  EXPECT_EQ(resolve_layout(config.layout, 2).grad_accum_steps, 2);
}

TEST(TrainConfig, unknown_keys_are_refused_in_every_section) {
  for (const char* path :
       {"extra", "run.extra", "model.extra", "data.extra", "layout.extra", "optimizer.extra",
        "schedule.extra", "fsdp.extra", "eval.extra", "metrics.extra", "health.extra", "log.extra",
        "device.extra", "prediction.extra"}) {
    const std::string message = test::message_of<ConfigError>([&] {
      read_train_config(ConfigNode::parse(write_train_config(full_config(), ""), "train.yaml")
                            .with_override(path, "1"));
    });
    EXPECT_THAT(message, testing::HasSubstr("unknown key 'extra'")) << path;
  }
}

TEST(TrainConfig, missing_sections_are_named) {
  EXPECT_THAT(test::message_of<ConfigError>([] { parse("run:\n  name: x\n"); }),
              testing::HasSubstr("key 'model' is missing"));
}

TEST(TrainConfig, tokens_of_the_whole_run_stay_within_64_bits) {
  TrainConfig config = parse(kMinimal);
  config.layout.global_batch_size = 2'147'483'646;
  config.schedule.steps = 67'108'863;
  EXPECT_NO_THROW(parse(write_train_config(config, "")));
  config.schedule.steps = 67'108'865;
  EXPECT_THAT(test::message_of<ConfigError>([&] { parse(write_train_config(config, "")); }),
              testing::HasSubstr("schedule.steps is '67108865' (with 137438953344 tokens a step"));
}

// 100 steps of 256 sequences, the others of 512.
TEST(TrainConfig, total_tokens_count_the_small_batches_of_a_ramp) {
  EXPECT_EQ(full_config().total_tokens(), (100 * 256 + 12245 * 512) * int64_t{4096});
}

// As the message about it says: of a written plan under another strategy.
TEST(TrainConfig, a_section_that_means_nothing_is_removed_by_null) {
  const ConfigNode plan = ConfigNode::parse(kMinimal, "train.yaml")
                              .with_override("fsdp", "{min_unit_params: 5}")
                              .with_override("layout.strategy", "zero2");
  EXPECT_THROW(read_train_config(plan), ConfigError);
  EXPECT_EQ(read_train_config(plan.with_override("fsdp", "null")).layout.strategy,
            ParallelStrategy::zero2);
}

TEST(TrainConfig, units_of_a_negative_size_are_refused) {
  const ConfigNode root =
      ConfigNode::parse(kMinimal, "train.yaml").with_override("layout.strategy", "fsdp");
  EXPECT_THAT(test::message_of<ConfigError>(
                  [&] { read_train_config(root.with_override("fsdp.min_unit_params", "-1")); }),
              testing::HasSubstr("fsdp.min_unit_params is '-1' (must be at least 0)"));
}

struct BadValue {
  const char* path;
  const char* value;
  const char* message;
};

TEST(TrainConfig, muon_and_registration_with_nccl_exclude_each_other) {
  const std::string text = std::string(kMinimal) + "device:\n  nccl_registration: local\n";
  EXPECT_EQ(parse(text).device.nccl_registration, NcclRegistration::local);
  std::string muon = text;
  muon.replace(muon.find("optimizer:"), 10, "optimizer:\n  kind: muon");
  EXPECT_THAT(test::message_of<ConfigError>([&] { parse(muon); }),
              testing::HasSubstr("device.nccl_registration is 'local' (must be off with "
                                 "optimizer.kind muon"));
}

class TrainConfigRefuses : public testing::TestWithParam<BadValue> {};

TEST_P(TrainConfigRefuses, value_with_its_key_and_reason) {
  const BadValue& bad = GetParam();
  EXPECT_THAT(error_with(bad.path, bad.value), testing::HasSubstr(bad.message));
}

INSTANTIATE_TEST_SUITE_P(
    Values, TrainConfigRefuses,
    testing::Values(
        BadValue{"run.name", "\"\"", "run.name is '' (must not be empty)"},
        BadValue{"run.name", "a/b", "run.name is 'a/b' (becomes a file name"},
        BadValue{"run.seed", "-1", "run.seed is '-1' (must be at least 0)"},
        BadValue{"run.log_interval", "0", "run.log_interval is '0' (must be at least 1)"},
        BadValue{"data.path", "\"\"", "data.path is '' (must not be empty)"},
        BadValue{"data.seq_len", "0", "data.seq_len is '0' (must be at least 1)"},
        BadValue{"data.seq_len", "65",
                 "data.seq_len is '65' (the model has positions up to max_seq_len 64)"},
        BadValue{"layout.strategy", "tp",
                 "layout.strategy is 'tp' (must be one of ddp, zero1, zero2, fsdp, hsdp)"},
        BadValue{"layout.strategy", "hsdp", "key 'n_shard' is missing in 'layout'"},
        BadValue{"layout.n_shard", "2",
                 "layout.n_shard is '2' (means nothing with strategy ddp); remove it or set "
                 "strategy to hsdp"},
        BadValue{"layout",
                 "{strategy: hsdp, n_shard: 0, micro_batch_size: 1, global_batch_size: 1}",
                 "layout.n_shard is '0' (must be at least 1)"},
        BadValue{"layout",
                 "{strategy: hsdp, n_ranks: 6, n_shard: 4, micro_batch_size: 1, "
                 "global_batch_size: 6}",
                 "layout.n_shard is '4' (must divide n_ranks 6)"},
        BadValue{"fsdp", "{min_unit_params: 5}",
                 "fsdp is 'a map' (means nothing with layout.strategy ddp); remove "
                 "it or set layout.strategy to fsdp or hsdp (--set fsdp=null removes it)"},
        BadValue{"layout.recompute", "some",
                 "layout.recompute is 'some' (must be one of none, selective, full)"},
        BadValue{"layout.n_ranks", "0", "layout.n_ranks is '0' (must be at least 1)"},
        BadValue{
            "layout.n_ranks", "3",
            "layout.global_batch_size is '8' (must be a multiple of n_ranks 3 x micro_batch_size "
            "2); 12 is the next"},
        BadValue{"layout.micro_batch_size", "0",
                 "layout.micro_batch_size is '0' (must be at least 1)"},
        BadValue{
            "layout.micro_batch_size", "3",
            "layout.global_batch_size is '8' (must be a multiple of micro_batch_size 3); 9 is the "
            "next"},
        BadValue{"layout.n_ranks", "4294967296",
                 "layout.n_ranks is '4294967296' (must be at most 2147483647)"},
        BadValue{"layout", "{micro_batch_size: 33554432, global_batch_size: 33554432}",
                 "layout.micro_batch_size is '33554432' (with seq_len 64 a micro batch would hold "
                 "2^31 tokens or more); lower it"},
        BadValue{"layout.global_batch_size", "0",
                 "layout.global_batch_size is '0' (must be at least 1)"},
        BadValue{"precision", "fp8", "precision is 'fp8' (must be one of fp32, tf32, bf16, fp16)"},
        BadValue{"optimizer.lr", "0", "optimizer.lr is '0' (must be above zero)"},
        BadValue{"optimizer.beta1", "1", "optimizer.beta1 is '1' (must be at least 0 and below 1)"},
        BadValue{"optimizer.beta2", "-0.1",
                 "optimizer.beta2 is '-0.1' (must be at least 0 and below 1)"},
        BadValue{"optimizer.eps", "0", "optimizer.eps is '0' (must be above zero)"},
        BadValue{"optimizer.weight_decay", "-1",
                 "optimizer.weight_decay is '-1' (must not be negative)"},
        BadValue{"optimizer.grad_clip", "-1", "optimizer.grad_clip is '-1' (must not be negative)"},
        BadValue{"schedule.steps", "0", "schedule.steps is '0' (must be at least 1)"},
        BadValue{"schedule.warmup_steps", "100",
                 "schedule.warmup_steps is '100' (must be below steps 100)"},
        BadValue{"schedule.min_lr_fraction", "1.1",
                 "schedule.min_lr_fraction is '1.1' (must be at least 0 and at most 1)"},
        BadValue{"eval.interval", "-1", "eval.interval is '-1' (must be at least 0)"},
        BadValue{"eval.sequences", "0", "eval.sequences is '0' (must be at least 1)"},
        BadValue{"metrics.gradient_interval", "-1",
                 "metrics.gradient_interval is '-1' (must be at least 0)"},
        BadValue{"log.json", "perhaps", "log.json is 'perhaps' (must be true or false)"},
        BadValue{"log.progress", "maybe", "log.progress is 'maybe' (must be one of auto, on, off)"},
        BadValue{"device.kind", "tpu", "device.kind is 'tpu' (must be one of auto, cpu, cuda)"},
        BadValue{"device.deterministic", "maybe", "device.deterministic is 'maybe' (must be"},
        BadValue{"device.time_products", "maybe", "device.time_products is 'maybe' (must be"},
        BadValue{"device.nccl_registration", "window",
                 "device.nccl_registration is 'window' (must be one of off, local, symmetric)"},
        BadValue{"device.graphs", "on?", "device.graphs is 'on?' (must be"},
        BadValue{"device.fuse_gelu", "2", "device.fuse_gelu is '2' (must be"},
        BadValue{"device.peak_tflops", "0", "device.peak_tflops is '0' (must be above zero)"},
        BadValue{"model.n_head", "5", "model.n_head is '5' (must divide d_model 96)"}));

}  // namespace
}  // namespace isoflop
