// SPDX-License-Identifier: MIT
// Every file of configs/models and configs/train loads, has the size its name says, and, where this
// machine's test has the memory and the trainer the parts, trains a few steps.
#include "core/base/text_file.hpp"
#include "core/model/model_config.hpp"
#include "core/model/param_count.hpp"
#include "core/model/parameter_list.hpp"
#include "core/parallel/memory_model.hpp"
#include "tiny_training.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kSteps = 3;
constexpr int64_t kMostBytes = int64_t{3} << 30;

std::vector<fs::path> files_in(const std::string& folder) {
  std::vector<fs::path> files;
  for (const auto& entry :
       fs::directory_iterator(fs::path(ISOFLOP_SOURCE_DIR) / "configs" / folder))
    files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

std::string test_name(const testing::TestParamInfo<fs::path>& file) {
  std::string name = file.param.stem().string();
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); },
      '_');
  return name;
}

/// The parameters a file name promises ("gpt2-124m", "llama-1.36b"); absent when it names none.
std::optional<double> promised_parameters(const std::string& name) {
  for (const auto& [word, size] : {std::pair{"124m", 124e6}, std::pair{"1.36b", 1.36e9}})
    if (name.find(word) != std::string::npos) return size;
  return std::nullopt;
}

bool is_trainable(const ModelShape& shape) { return !shape.moe && !shape.mla; }

/// `config` on a dataset of the test's own, cut down to a few short steps.
TrainConfig cut_down(TrainConfig config, const fs::path& data) {
  config.data = {data, std::min<int64_t>(config.model.max_seq_len, 16)};
  config.layout = {.micro_batch_size = 1, .global_batch_size = 2};
  config.schedule = {.steps = kSteps, .warmup_steps = 1};
  config.eval = {.interval = 0, .sequences = 2};
  config.device = {};
  return config;
}

/// Trains where the memory suffices; says so where it does not.
void train_some_steps(const TrainConfig& config) {
  const Layout layout = resolve_layout(config.layout, 1);
  const int64_t bytes = estimate_memory({.shape = config.model,
                                         .layout = layout,
                                         .seq_len = config.data.seq_len,
                                         .precision = config.precision})
                            .total();
  if (bytes > kMostBytes) {
    testing::Test::RecordProperty("not_trained", "takes " + std::to_string(bytes >> 30) + " GiB");
    return;
  }
  SingleLaunch alone("here");
  const std::vector<double> losses =
      test::train_losses(config, alone, make_cpu_backend({.n_threads = 2}, config.precision));
  ASSERT_EQ(std::ssize(losses), kSteps);
  // Weights start small: the first loss is that of equal probabilities.
  EXPECT_NEAR(losses.front(), std::log(static_cast<double>(config.model.vocab_size)), 0.6);
  EXPECT_LT(losses.back(), losses.front() + 0.1);
}

class ShippedModel : public testing::TestWithParam<fs::path> {};

TEST_P(ShippedModel, has_the_size_of_its_name_and_trains) {
  const ModelShape shape = load_model(GetParam());
  EXPECT_EQ(shape.name, GetParam().stem().string());
  const double n_params = static_cast<double>(count_params(shape).total());
  if (const auto promised = promised_parameters(shape.name)) {
    EXPECT_NEAR(n_params / *promised, 1, 0.02);
  }
  if (!is_trainable(shape)) return;
  const test::TinyData data;
  TrainConfig config = test::tiny_config(shape, data.folder());
  config.optimizer.lr = 1e-4;
  train_some_steps(cut_down(config, data.folder()));
}

TEST_P(ShippedModel, states_its_parameters_in_its_first_lines) {
  const std::string text = read_text_file(GetParam());
  if (text.find(" parameters") == std::string::npos) return;
  std::string count = std::to_string(count_params(load_model(GetParam())).total());
  for (std::size_t at = count.size(); at > 3; at -= 3) count.insert(at - 3, ",");
  EXPECT_THAT(text, testing::HasSubstr(count));
}

INSTANTIATE_TEST_SUITE_P(All, ShippedModel, testing::ValuesIn(files_in("models")), test_name);

class ShippedTraining : public testing::TestWithParam<fs::path> {};

TEST_P(ShippedTraining, loads_and_trains) {
  const TrainConfig config = read_train_config(ConfigNode::load(GetParam()));
  EXPECT_EQ(config.run.name, GetParam().stem().string());
  const test::TinyData data;
  train_some_steps(cut_down(config, data.folder()));
}

INSTANTIATE_TEST_SUITE_P(All, ShippedTraining, testing::ValuesIn(files_in("train")), test_name);

}  // namespace
}  // namespace isoflop
