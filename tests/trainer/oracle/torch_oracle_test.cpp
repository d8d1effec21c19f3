// SPDX-License-Identifier: MIT
// Ten training steps against PyTorch, which shares no code with us: first values, data order, loss,
// gradients, clipping, learning rate and AdamW. make_reference.py made reference.yaml.
#include "core/base/config_node.hpp"
#include "tiny_training.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <map>
#include <ostream>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace isoflop {
namespace {

constexpr int64_t kBatchSize = 4;
constexpr int64_t kSeqLen = 24;
constexpr int64_t kSteps = 10;
constexpr int64_t kVocab = 257;

struct TensorGradient {
  double sum = 0;
  double norm = 0;
};

/// What a training run is compared by.
struct Trajectory {
  std::vector<double> losses;      ///< of every step, nats per token
  std::vector<double> grad_norms;  ///< of every step, before clipping
  std::map<std::string, TensorGradient> first_gradients;
};

std::vector<double> read_numbers(const ConfigNode& list) {
  std::vector<double> numbers;
  for (const ConfigNode& item : list.items()) numbers.push_back(item.as<double>());
  return numbers;
}

Trajectory read_reference(const std::string& name, const std::string& precision) {
  const ConfigNode file = ConfigNode::load(std::filesystem::path(ISOFLOP_SOURCE_DIR) /
                                           "tests/trainer/oracle/reference.yaml");
  MapReader cases(file);
  MapReader precisions(cases.required_node(name));
  MapReader values(precisions.required_node(precision));
  Trajectory reference{read_numbers(values.required_node("loss")),
                       read_numbers(values.required_node("grad_norm")),
                       {}};
  for (const auto& [tensor, gradient] : values.required_node("first_gradients").entries()) {
    const std::vector<double> sum_and_norm = read_numbers(gradient);
    reference.first_gradients[tensor] = {sum_and_norm.at(0), sum_and_norm.at(1)};
  }
  return reference;
}

/// make_reference.py's stream: the generator of ISO C's example rand().
std::vector<int32_t> stream_of_tokens(int64_t n) {
  std::vector<int32_t> tokens;
  uint64_t state = 1;
  for (int64_t i = 0; i < n; ++i) {
    tokens.push_back(static_cast<int32_t>((state >> 16) % 256));
    state = (1103515245 * state + 12345) % (uint64_t{1} << 31);
  }
  return tokens;
}

ModelShape llama() {
  ModelShape shape;
  shape.n_layer = 2;
  shape.d_model = 64;
  shape.n_head = 4;
  shape.n_kv_head = 2;
  shape.d_head = 16;
  shape.d_ff = 176;
  shape.vocab_size = kVocab;
  shape.max_seq_len = 40;
  return shape;
}

ModelShape hybrid() {
  ModelShape shape = llama();
  shape.n_kv_head = shape.n_head;
  shape.d_ff = 256;
  shape.norm = NormKind::layernorm;
  shape.ffn = FfnType::standard;
  shape.activation = Activation::gelu_tanh;
  shape.qkv_bias = shape.attention_out_bias = shape.ffn_bias = true;
  shape.tied_embeddings = true;
  return shape;
}

ModelShape gpt2() {
  ModelShape shape = hybrid();
  shape.position = PositionEncoding::learned_absolute;
  return shape;
}

/// `sums` (n_tensors, 3): sum, sum of squares, non-finite count.
std::map<std::string, TensorGradient> gradients_by_name(const FlatLayout& layout,
                                                        std::span<const double> sums) {
  std::map<std::string, TensorGradient> gradients;
  std::size_t row = 0;
  for (const FlatUnit& unit : layout.units) {
    for (const FlatSegment& segment : unit.segments) {
      gradients[segment.tensor.name] = {sums[3 * row], std::sqrt(sums[3 * row + 1])};
      ++row;
    }
  }
  return gradients;
}

Trajectory train(const TrainConfig& config, Backend backend) {
  SingleLaunch alone("here");
  Session session = test::make_session(config, alone, std::move(backend));
  Trajectory run;
  for (int64_t step = 1; step <= kSteps; ++step) {
    enqueue_step(session, step);
    const StepReadback result = session.io().wait(step);
    run.losses.push_back(result.output.loss_sum * session.grad_scale(step));
    run.grad_norms.push_back(result.output.grad_norm);
    if (step == 1) run.first_gradients = gradients_by_name(session.flat_layout(), result.sums);
  }
  return run;
}

/// Largest relative differences between two runs.
struct Errors {
  double loss = 0;
  double grad_norm = 0;
  double first_gradient = 0;  ///< a tensor's sum and norm, relative to the norm
};

/// f64: rounding of 1e-16 grows to 4e-14 within ten steps. f32: the first gradients differ by
/// rounding alone (1.1e-6 of ours, 1.8e-6 of PyTorch's), later values by what AdamW makes of it:
/// losses by 1.3e-6 (PyTorch 1.1e-6), norms by 1.6e-5 (PyTorch the same).
constexpr Errors kF64Tolerance{1e-10, 1e-10, 1e-10};
constexpr Errors kF32Tolerance{1e-5, 1e-4, 1e-5};

double largest_error(const std::vector<double>& values, const std::vector<double>& expected) {
  if (values.size() != expected.size()) return INFINITY;
  double largest = 0;
  for (std::size_t i = 0; i < values.size(); ++i)
    largest = std::max(largest, std::abs(values[i] / expected[i] - 1));
  return largest;
}

Errors compare(const Trajectory& run, const Trajectory& reference) {
  Errors errors{largest_error(run.losses, reference.losses),
                largest_error(run.grad_norms, reference.grad_norms), 0};
  if (run.first_gradients.size() != reference.first_gradients.size())
    errors.first_gradient = INFINITY;
  for (const auto& [tensor, expected] : reference.first_gradients) {
    const TensorGradient& gradient = run.first_gradients.at(tensor);
    const double difference =
        std::max(std::abs(gradient.norm - expected.norm), std::abs(gradient.sum - expected.sum));
    errors.first_gradient = std::max(errors.first_gradient, difference / expected.norm);
  }
  return errors;
}

void expect_within(const Errors& errors, const Errors& tolerance) {
  EXPECT_LT(errors.loss, tolerance.loss);
  EXPECT_LT(errors.grad_norm, tolerance.grad_norm);
  EXPECT_LT(errors.first_gradient, tolerance.first_gradient);
}

ModelShape gpt2_postnorm() {
  ModelShape shape = gpt2();
  shape.norm = NormKind::layernorm_nobias;
  shape.norm_position = NormPosition::post;
  shape.qkv_bias = shape.attention_out_bias = shape.ffn_bias = false;
  return shape;
}

ModelShape gpt2_dropout() {
  ModelShape shape = gpt2();
  shape.dropout = 0.1;
  return shape;
}

/// What the models above leave out.
ModelShape mixed() {
  ModelShape shape = llama();
  shape.norm = NormKind::layernorm;
  shape.activation = Activation::gelu_erf;
  shape.qkv_bias = shape.attention_out_bias = shape.ffn_bias = true;
  shape.n_kv_head = 1;
  shape.qk_norm = true;
  shape.z_loss = 1e-2;
  shape.init_std = 0.04;
  shape.depth_scaled_init = false;
  return shape;
}

ModelShape mixed_postnorm() {
  ModelShape shape = llama();
  shape.norm_position = NormPosition::post;
  shape.activation = Activation::leaky_relu;
  shape.position = PositionEncoding::none;
  shape.ffn = FfnType::standard;
  shape.d_ff = 256;
  shape.qkv_bias = shape.attention_out_bias = shape.ffn_bias = true;
  shape.qk_norm = true;
  shape.dropout = 0.2;
  return shape;
}

using Edit = void (*)(TrainConfig&);

/// A model, and changes that PyTorch's values must not forgive.
struct OracleCase {
  std::string name;  ///< in reference.yaml
  ModelShape shape;
  std::vector<std::pair<std::string, Edit>> wrong_formulas;
  OptimizerKind optimizer = OptimizerKind::adamw;
};

void PrintTo(const OracleCase& c, std::ostream* out) { *out << c.name; }

void use_erf(TrainConfig& config) { config.model.activation = Activation::gelu_erf; }
void use_another_theta(TrainConfig& config) { config.model.rope_theta = 5e5; }
void use_another_eps(TrainConfig& config) { config.model.norm_eps = 1.1e-5; }
void use_another_rate(TrainConfig& config) { config.model.dropout += 1e-3; }
void use_another_init(TrainConfig& config) { config.model.depth_scaled_init = true; }
void use_no_z_loss(TrainConfig& config) { config.model.z_loss = 0; }
void use_relu(TrainConfig& config) { config.model.activation = Activation::relu; }
void use_another_seed(TrainConfig& config) { config.run.seed += 1; }

std::vector<OracleCase> oracle_cases() {
  return {{"gpt2", gpt2(), {{"erf", use_erf}, {"eps", use_another_eps}}},
          {"llama", llama(), {{"theta", use_another_theta}, {"seed", use_another_seed}}},
          {"hybrid", hybrid(), {{"theta", use_another_theta}, {"erf", use_erf}}},
          {"gpt2_postnorm", gpt2_postnorm(), {{"eps", use_another_eps}}},
          {"gpt2_dropout", gpt2_dropout(), {{"rate", use_another_rate}}},
          {"mixed", mixed(), {{"z_loss", use_no_z_loss}, {"std", use_another_init}}},
          {"mixed_postnorm", mixed_postnorm(), {{"relu", use_relu}, {"rate", use_another_rate}}},
          {"gpt2_muon", gpt2(), {{"erf", use_erf}}, OptimizerKind::muon},
          {"llama_muon", llama(), {{"theta", use_another_theta}}, OptimizerKind::muon}};
}

std::vector<OracleCase> muon_cases() {
  std::vector<OracleCase> cases = oracle_cases();
  std::erase_if(cases, [](const OracleCase& c) { return c.optimizer != OptimizerKind::muon; });
  return cases;
}

/// One rank. The data are the windows of one batch, so every step takes all of them, in whatever
/// order.
class TorchOracle : public testing::TestWithParam<OracleCase> {
 protected:
  TorchOracle() {
    test::write_tiny_dataset(folder_.path(),
                             {.train_shards = {stream_of_tokens(kBatchSize * kSeqLen + 1)},
                              .val_shards = {stream_of_tokens(kSeqLen + 1)},
                              .vocab_size = kVocab});
  }

  TrainConfig config() const {
    TrainConfig config;
    config.run.name = "oracle";
    config.run.seed = 1234;
    config.model = GetParam().shape;
    config.data = {folder_.path(), kSeqLen};
    config.layout.micro_batch_size = kBatchSize;
    config.layout.global_batch_size = kBatchSize;
    config.optimizer = {.lr = 1e-2,
                        .beta1 = 0.9,
                        .beta2 = 0.95,
                        .eps = 1e-8,
                        .weight_decay = 0.1,
                        .grad_clip = 2.0,
                        .kind = GetParam().optimizer};
    config.schedule = {.steps = kSteps, .warmup_steps = 3, .min_lr_fraction = 0.1};
    return config;
  }

  /// Distance from PyTorch's f64 run.
  Errors errors_of(const Trajectory& run) const {
    return compare(run, read_reference(GetParam().name, "fp64"));
  }
  Errors errors_of(const TrainConfig& config, Backend backend) const {
    return errors_of(train(config, std::move(backend)));
  }

 private:
  test::TempDir folder_;
};

class TorchOracleF32 : public TorchOracle {};

TEST_P(TorchOracle, in_f64_every_loss_and_gradient_is_that_of_pytorch) {
  expect_within(errors_of(config(), make_reference_backend({})), kF64Tolerance);
}

TEST_P(TorchOracleF32, in_f32_every_loss_and_gradient_is_that_of_pytorch) {
  expect_within(errors_of(config(), make_cpu_backend({})), kF32Tolerance);
}

TEST_P(TorchOracleF32, in_f32_pytorch_needs_the_same_tolerance) {
  expect_within(errors_of(read_reference(GetParam().name, "fp32")), kF32Tolerance);
}

TEST_P(TorchOracle, in_f64_a_wrong_formula_is_seen_in_every_comparison) {
  TrainConfig wrong = config();
  GetParam().wrong_formulas.front().second(wrong);
  const Errors errors = errors_of(wrong, make_reference_backend({}));
  EXPECT_GT(errors.loss, kF64Tolerance.loss);
  EXPECT_GT(errors.grad_norm, kF64Tolerance.grad_norm);
  EXPECT_GT(errors.first_gradient, kF64Tolerance.first_gradient);
}

TEST_P(TorchOracleF32, in_f32_a_wrong_formula_is_seen_in_the_first_gradient) {
  for (const auto& [name, edit] : GetParam().wrong_formulas) {
    TrainConfig wrong = config();
    edit(wrong);
    EXPECT_GT(errors_of(wrong, make_cpu_backend({})).first_gradient, kF32Tolerance.first_gradient)
        << name;
  }
}

// What the first gradient cannot tell.
TEST_P(TorchOracleF32, a_wrong_update_is_seen_in_the_losses) {
  const std::vector<Edit> edits = {
      [](TrainConfig& wrong) { wrong.optimizer.lr *= 1.001; },
      [](TrainConfig& wrong) { wrong.optimizer.beta2 = 0.951; },
      [](TrainConfig& wrong) { wrong.optimizer.weight_decay = 0; },
      [](TrainConfig& wrong) { wrong.optimizer.grad_clip = 0.5; },
      [](TrainConfig& wrong) { wrong.schedule.warmup_steps = 4; },
  };
  for (std::size_t i = 0; i < edits.size(); ++i) {
    TrainConfig wrong = config();
    edits[i](wrong);
    EXPECT_GT(errors_of(wrong, make_cpu_backend({})).loss, kF32Tolerance.loss) << "edit " << i;
  }
}

class MuonOracle : public TorchOracle {};

TEST_P(MuonOracle, a_wrong_update_is_seen_in_the_losses) {
  const std::vector<Edit> edits = {
      [](TrainConfig& wrong) { wrong.optimizer.kind = OptimizerKind::adamw; },
      [](TrainConfig& wrong) { wrong.optimizer.momentum = 0.949; },
      [](TrainConfig& wrong) { wrong.optimizer.nesterov = false; },
      [](TrainConfig& wrong) { wrong.optimizer.iterations = 4; },
  };
  for (std::size_t i = 0; i < edits.size(); ++i) {
    TrainConfig wrong = config();
    edits[i](wrong);
    EXPECT_GT(errors_of(wrong, make_cpu_backend({})).loss, kF32Tolerance.loss) << "edit " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, MuonOracle, testing::ValuesIn(muon_cases()),
                         testing::PrintToStringParamName());
INSTANTIATE_TEST_SUITE_P(Models, TorchOracle, testing::ValuesIn(oracle_cases()),
                         testing::PrintToStringParamName());
INSTANTIATE_TEST_SUITE_P(Models, TorchOracleF32, testing::ValuesIn(oracle_cases()),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace isoflop
