// SPDX-License-Identifier: MIT
// Training through the whole GPU stack on emulated GPUs: the CPU's losses, whatever the layout, in
// whatever order streams run, without a host wait inside a step.
#include "emulation/emulated_launch.hpp"
#include "emulation/emulation.hpp"
#include "support/pairwise.hpp"
#include "support/temp_dir.hpp"
#include "tiny_training.hpp"
#include "trainer/exactness.hpp"
#include "trainer/make_backend.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <optional>
#include <ostream>
#include <regex>
#include <string>
#include <vector>

namespace isoflop {
namespace {

using emulation::Eagerness;
using emulation::LaneOrder;
using Losses = std::vector<double>;
using test::largest_difference;

constexpr int64_t kSeqLen = 32;

ModelShape shape_of(bool gpt2) {
  ModelShape shape = gpt2 ? test::tiny_gpt2() : test::tiny_llama();
  shape.d_model = 64;
  shape.d_head = 16;
  shape.d_ff = 96;
  shape.max_seq_len = kSeqLen;
  return shape;
}

struct TrainCase {
  int n_rank;
  ParallelStrategy strategy;
  Precision precision;
  bool gpt2 = false;
  bool tied = false;
  Recompute recompute = Recompute::none;
  FsdpConfig fsdp = {};
  /// Dropout, norms of queries and keys, and z-loss; attention by kernels of our own.
  bool regularised = false;
  OptimizerKind optimizer = OptimizerKind::adamw;
  int micro_steps = 2;
};

void PrintTo(const TrainCase& c, std::ostream* out) {
  *out << c.n_rank << "_rank_" << enum_name(kStrategyNames, c.strategy) << '_'
       << to_string(c.precision) << (c.gpt2 ? "_gpt2" : "_llama") << (c.tied ? "_tied" : "")
       << (c.recompute == Recompute::full ? "_full" : "")
       << (c.recompute == Recompute::selective ? "_selective" : "")
       << (c.fsdp.min_unit_params > 0 ? "_merged" : "")
       << (c.fsdp.reshard_after_forward ? "" : "_not_resharded")
       << (c.regularised ? "_regularised" : "")
       << (c.optimizer == OptimizerKind::muon ? "_muon" : "")
       << (c.micro_steps == 1 ? "_in_one" : "");
}

/// Any two settings meet in one of ten cases on four GPUs; in one case a GPU is alone.
std::vector<TrainCase> train_cases() {
  std::vector<TrainCase> cases = {{1, ParallelStrategy::ddp, Precision::fp32}};
  for (const test::Row& row : test::pairwise_rows({kStrategyNames.size(), 2, 2, 2, 2, 2, 2, 2})) {
    const Precision narrow = cases.size() % 3 == 0 ? Precision::fp16 : Precision::bf16;
    const Recompute again = cases.size() % 2 == 0 ? Recompute::full : Recompute::selective;
    TrainCase c{.n_rank = 4,
                .strategy = kStrategyNames[row[0]].value,
                .precision = row[1] == 0 ? Precision::fp32 : narrow,
                .gpt2 = row[2] == 1,
                .tied = row[3] == 1,
                .recompute = row[4] == 0 ? Recompute::none : again,
                .regularised = row[6] == 1,
                .optimizer = row[7] == 0 ? OptimizerKind::adamw : OptimizerKind::muon,
                .micro_steps = cases.size() % 3 == 1 ? 1 : 2};
    if (shards_parameters(c.strategy) && row[5] == 1) {
      if (c.strategy == ParallelStrategy::hsdp)
        c.fsdp.reshard_after_forward = false;
      else
        c.fsdp.min_unit_params = 40'000;  // a block has about 35,000
    }
    cases.push_back(c);
  }
  return cases;
}

constexpr int kSteps = 12;

/// Steps of 8 sequences.
TrainConfig config_of(const TrainCase& c, const std::filesystem::path& data) {
  TrainConfig config = test::tiny_config(shape_of(c.gpt2), data);
  config.schedule.steps = kSteps;
  config.model.tied_embeddings = c.tied;
  if (c.regularised) {
    config.model.dropout = 0.1;
    config.model.qk_norm = true;
    config.model.z_loss = 1e-3;
    config.model.attention_backend = c.tied ? AttentionBackend::manual : AttentionBackend::sdpa;
  }
  config.optimizer.kind = c.optimizer;
  config.loss_scale.initial = 1024;
  config.device.kind = DeviceKind::cuda;
  config.device.deterministic = true;
  config.device.time_products = true;
  config.data.seq_len = kSeqLen;
  config.precision = c.precision;
  config.layout.strategy = c.strategy;
  if (c.strategy == ParallelStrategy::hsdp) config.layout.n_shard = c.n_rank / 2;
  config.layout.fsdp = c.fsdp;
  config.layout.recompute = c.recompute;
  config.layout.micro_batch_size = config.layout.global_batch_size / (c.micro_steps * c.n_rank);
  return config;
}

using TrainLosses = Losses (*)(const TrainConfig&, Launch&, Backend);

/// What `train` gives, which every rank must see alike.
Losses losses_on_gpus(const TrainConfig& config, int n_rank, emulation::Options options,
                      TrainLosses train = test::train_losses) {
  std::vector<Losses> losses(static_cast<std::size_t>(n_rank));
  emulation::EmulatedLauncher launcher(n_rank);
  options.n_rank = n_rank;
  emulation::run_ranks(options, [&](int rank) {
    const std::unique_ptr<Launch> launch = launcher.launch(rank);
    losses[static_cast<std::size_t>(rank)] =
        train(config, *launch, make_backend(config, launch->info()));
  });
  for (const Losses& of_rank : losses) EXPECT_EQ(of_rank, losses.front());
  return losses.front();
}

/// One rank in f32 that takes the whole batch at once.
Losses losses_on_cpu(TrainConfig config) {
  config.layout = {.micro_batch_size = config.layout.global_batch_size,
                   .global_batch_size = config.layout.global_batch_size};
  SingleLaunch alone("here");
  return test::train_losses(config, alone, make_cpu_backend({}));
}

class CudaTrain : public testing::TestWithParam<TrainCase> {
 protected:
  test::TinyData data_{4000, 800};
};

/// Nats: of the first step, whose weights are the same, and of all. f32 differs by the order of
/// sums, as layouts on the CPU do. bf16 has 8 bits; AdamW's first updates have lr as their size
/// whatever the gradient, so that gradients near 0 move weights by lr in either direction, and
/// losses part for some steps (by 0.010 at most where this was measured) before they meet again.
struct Tolerance {
  double first;
  double all;
};
Tolerance tolerance(Precision precision) {
  return precision == Precision::fp32 ? Tolerance{1e-6, 1e-4} : Tolerance{5e-4, 2e-2};
}

TEST_P(CudaTrain, losses_are_those_of_the_cpu) {
  const TrainConfig config = config_of(GetParam(), data_.folder());
  const Losses cpu = losses_on_cpu(config);
  const Losses gpu = losses_on_gpus(config, GetParam().n_rank, {.seed = 11});
  EXPECT_LT(gpu.back(), gpu.front() - 0.3) << "nothing was learnt";
  EXPECT_LT(largest_difference(cpu, gpu, 1), tolerance(config.precision).first);
  EXPECT_LT(largest_difference(cpu, gpu, kSteps), tolerance(config.precision).all);
}

TEST(CudaTrainCases, any_two_settings_meet_in_at_most_ten_on_four_gpus) {
  EXPECT_LE(train_cases().size(), 11U);
}

INSTANTIATE_TEST_SUITE_P(All, CudaTrain, testing::ValuesIn(train_cases()),
                         testing::PrintToStringParamName());

/// learnable_tokens with an end-of-text token, the vocabulary's last, behind every tenth.
std::vector<int32_t> documents(int64_t n, uint64_t seed) {
  std::vector<int32_t> tokens = test::learnable_tokens(n, seed);
  for (std::size_t i = 10; i < tokens.size(); i += 11) tokens[i] = test::kTinyVocab - 1;
  return tokens;
}

/// fp32: by a kernel of our own; bf16: by cuDNN's graph.
class CudaDocuments : public testing::TestWithParam<Precision> {};

TEST_P(CudaDocuments, are_kept_apart_as_on_the_cpu) {
  const test::TempDir data;
  test::write_tiny_dataset(data.path(), {.train_shards = {documents(2000, 1)},
                                         .val_shards = {documents(800, 2)},
                                         .vocab_size = test::kTinyVocab});
  TrainConfig config = config_of(
      {.n_rank = 2, .strategy = ParallelStrategy::fsdp, .precision = GetParam()}, data.path());
  config.schedule.steps = 5;
  const Losses in_one = losses_on_cpu(config);
  config.data.document_mask = true;
  const Losses cpu = losses_on_cpu(config);
  const Losses gpu = losses_on_gpus(config, 2, {.seed = 13});
  const Tolerance near = tolerance(config.precision);
  EXPECT_LT(largest_difference(cpu, gpu, 1), near.first);
  EXPECT_LT(largest_difference(cpu, gpu, cpu.size()), near.all);
  EXPECT_GT(largest_difference(cpu, in_one, 1), 4 * near.first) << "the mask changes nothing";
}

INSTANTIATE_TEST_SUITE_P(All, CudaDocuments, testing::Values(Precision::fp32, Precision::bf16),
                         [](const auto& param) { return to_string(param.param); });

/// A few steps on two ranks under fsdp in bf16: the case with the most streams and buffers at work.
class CudaStep : public testing::Test {
 protected:
  static constexpr TrainCase kCase{2, ParallelStrategy::fsdp, Precision::bf16};

  Losses losses(const emulation::Options& options) const {
    return losses_on_gpus(config_, kCase.n_rank, options);
  }
  /// body(session, rank) on every rank.
  void on_every_rank(const std::function<void(Session&, int rank)>& body) const {
    emulation::EmulatedLauncher launcher(kCase.n_rank);
    emulation::run_ranks({.n_rank = kCase.n_rank, .seed = 3}, [&](int rank) {
      const std::unique_ptr<Launch> launch = launcher.launch(rank);
      Session session = test::make_session(config_, *launch, make_backend(config_, launch->info()));
      body(session, rank);
    });
  }
  test::TinyData data_{4000, 800};
  TrainConfig config_ = [this] {
    TrainConfig config = config_of(kCase, data_.folder());
    config.schedule.steps = 4;
    return config;
  }();
};

TEST_F(CudaStep, neither_the_order_of_streams_nor_of_lanes_changes_a_bit) {
  const Losses first = losses({.eagerness = Eagerness::lazy});
  EXPECT_EQ(losses({.eagerness = Eagerness::eager}), first);
  EXPECT_EQ(losses({.eagerness = Eagerness::random, .seed = 2}), first);
  EXPECT_EQ(losses({.eagerness = Eagerness::random, .seed = 3, .lane_order = LaneOrder::reverse}),
            first);
}

/// Enqueues `n` steps as train() does, reading each one step late; calls after(step) behind each.
void run_steps(Session& session, int64_t n, const std::function<void(int64_t step)>& after) {
  for (int64_t step = 1; step <= n; ++step) {
    enqueue_step(session, step);
    after(step);
    if (step > 1) session.io().wait(step - 1);
  }
  session.io().wait(n);
}

// From the fourth step on: the first three make the events that time stalls.
TEST_F(CudaStep, the_host_neither_waits_nor_allocates_inside_a_step) {
  on_every_rank([](Session& session, int rank) {
    emulation::Counters before;
    for (int64_t step = 1; step <= 8; ++step) {
      before = emulation::counters(rank);
      enqueue_step(session, step);
      const emulation::Counters after = emulation::counters(rank);
      EXPECT_GT(after.operations - before.operations, 100) << step;
      EXPECT_EQ(after.host_waits, before.host_waits) << step;
      if (step > 3) {
        EXPECT_EQ(after.allocations, before.allocations) << step;
      }
      if (step > 1) session.io().wait(step - 1);
    }
    session.io().wait(8);
  });
}

/// The entries that a captured graph would hold: copies from staging memory and time marks change
/// their host side from step to step.
std::vector<std::string> device_work(const std::vector<std::string>& trace) {
  std::vector<std::string> work;
  for (const std::string& entry : trace)
    if (entry.find("cudaMemcpyAsync") == std::string::npos) work.push_back(entry);
  return work;
}

TEST_F(CudaStep, every_step_enqueues_the_same_work_at_the_same_addresses) {
  on_every_rank([](Session& session, int rank) {
    std::vector<std::vector<std::string>> steps;
    run_steps(session, 6,
              [&](int64_t) { steps.push_back(device_work(emulation::take_trace(rank))); });
    ASSERT_GT(steps.at(2).size(), 100U);
    for (std::size_t i = 3; i < steps.size(); ++i) EXPECT_EQ(steps[i], steps[2]) << i;
  });
}

// The vocabulary is 61. cuBLASLt's fast kernels take operands whose rows start on 16 bytes.
TEST_F(CudaStep, every_operand_of_a_product_has_aligned_rows_whatever_the_vocabulary) {
  static const std::regex row_pitch(" ld ([0-9]+) (f32|bf16)");
  on_every_rank([](Session& session, int rank) {
    emulation::take_trace(rank);
    enqueue_step(session, 1);
    session.io().wait(1);
    int n_operand = 0;
    for (const std::string& work : emulation::take_trace(rank)) {
      if (work.find("cublasLtMatmul") == std::string::npos) continue;
      for (std::sregex_iterator pitch(work.begin(), work.end(), row_pitch), end; pitch != end;
           ++pitch, ++n_operand)
        EXPECT_EQ(std::stoi((*pitch)[1]) * ((*pitch)[2] == "f32" ? 4 : 2) % 16, 0) << work;
    }
    EXPECT_GT(n_operand, 100);
  });
}

/// What a step of a GPT-2 on one GPU computes of GELU and its gradient.
struct GeluWork {
  int64_t in_products = 0, in_gradients = 0;  ///< cuBLASLt's epilogues
  int64_t forward = 0, backward = 0;          ///< kernels of our own
  bool operator==(const GeluWork&) const = default;
};

std::ostream& operator<<(std::ostream& out, const GeluWork& work) {
  return out << work.in_products << ' ' << work.in_gradients << ' ' << work.forward << ' '
             << work.backward;
}

class CudaGelu : public testing::Test {
 protected:
  GeluWork work_of_a_step(emulation::Options options = {}) const {
    GeluWork sum;
    emulation::EmulatedLauncher launcher(1);
    options.seed = 3;
    emulation::run_ranks(options, [&](int rank) {
      const std::unique_ptr<Launch> launch = launcher.launch(rank);
      Session session = test::make_session(config_, *launch, make_backend(config_, launch->info()));
      emulation::take_trace(rank);
      enqueue_step(session, 1);
      session.io().wait(1);
      for (const std::string& work : emulation::take_trace(rank)) {
        const auto tells_of = [&](const std::string& words) {
          return work.find(words) != std::string::npos;
        };
        sum.in_products += tells_of("epilogue GELU");
        sum.in_gradients += tells_of("epilogue DGELU");
        sum.forward += tells_of("activation_forward");
        sum.backward += tells_of("activation_backward");
      }
    });
    return sum;
  }

  test::TinyData data_{4000, 800};
  TrainConfig config_ = [this] {
    TrainConfig config =
        config_of({1, ParallelStrategy::ddp, Precision::bf16, true}, data_.folder());
    config.schedule.steps = 4;
    return config;
  }();
  const int64_t n_ = 2 * config_.model.n_layer;  ///< of blocks in two micro steps
};

TEST_F(CudaGelu, is_part_of_products_where_that_is_known_to_be_fast_and_there) {
  const GeluWork in_products{n_, n_, 0, 0}, in_kernels{0, 0, n_, n_};
  EXPECT_EQ(work_of_a_step({.sm_version = 90}), in_products);
  EXPECT_EQ(work_of_a_step({.sm_version = 100}), in_products);
  EXPECT_EQ(work_of_a_step({.sm_version = 80}), in_kernels);
  emulation::Options lacking;
  lacking.has_gelu_products = false;
  EXPECT_EQ(work_of_a_step(lacking), in_kernels);
  config_.device.fuse_gelu = false;
  EXPECT_EQ(work_of_a_step(), in_kernels);
  config_.device.fuse_gelu = true;
  config_.model.activation = Activation::gelu_erf;
  EXPECT_EQ(work_of_a_step(), in_kernels);
}

// The last block still has in memory what it would run again.
TEST_F(CudaGelu, is_not_part_of_products_whose_rounded_results_it_is_run_again_from) {
  config_.layout.recompute = BlockParts{BlockPart::activations};
  EXPECT_EQ(work_of_a_step(), (GeluWork{2, n_, 2 * (n_ - 2), 0}));
  config_.layout.recompute = Recompute::full;
  EXPECT_EQ(work_of_a_step(), (GeluWork{n_ + n_ - 2, n_, 0, 0}));
}

TEST_F(CudaGelu, run_again_with_its_block_changes_no_bit) {
  const Losses kept = losses_on_gpus(config_, 1, {.seed = 7});
  config_.layout.recompute = Recompute::full;
  EXPECT_EQ(losses_on_gpus(config_, 1, {.seed = 7}), kept);
}

/// Of all steps, with evaluations in between.
Losses losses_and_evaluations(const TrainConfig& config, Launch& launch, Backend backend) {
  Session session = test::make_session(config, launch, std::move(backend));
  Losses losses;
  for (int64_t step = 1; step <= config.schedule.steps; ++step) {
    enqueue_step(session, step);
    losses.push_back(session.io().wait(step).output.loss_sum * session.grad_scale(step));
    if (step % 2 == 0) losses.push_back(session.evaluate().loss);
  }
  return losses;
}

/// Where parameters and gradients move between buffers, micro batches have numbers and documents,
/// and evaluations come between.
const TrainCase kGraphCases[] = {
    {2, ParallelStrategy::fsdp, Precision::bf16, false, true, Recompute::selective},
    {2, ParallelStrategy::zero1, Precision::fp16, true, false, Recompute::none, {}, true},
};

class CudaGraphs : public testing::TestWithParam<TrainCase> {
 protected:
  test::TinyData data_{4000, 800};
  TrainConfig config_ = [this] {
    TrainConfig config = config_of(GetParam(), data_.folder());
    config.schedule.steps = 5;
    config.data.document_mask = true;
    return config;
  }();
};

TEST_P(CudaGraphs, change_no_bit) {
  const Losses with = losses_on_gpus(config_, 2, {.seed = 7}, losses_and_evaluations);
  config_.device.graphs = false;
  EXPECT_EQ(losses_on_gpus(config_, 2, {.seed = 8}, losses_and_evaluations), with);
}

INSTANTIATE_TEST_SUITE_P(All, CudaGraphs, testing::ValuesIn(kGraphCases),
                         testing::PrintToStringParamName());

/// Of all steps: the loss, what it was multiplied by, and whether the update was skipped.
Losses losses_and_scales(const TrainConfig& config, Launch& launch, Backend backend) {
  Session session = test::make_session(config, launch, std::move(backend));
  Losses losses;
  for (int64_t step = 1; step <= config.schedule.steps; ++step) {
    enqueue_step(session, step);
    const StepState::Output output = session.io().wait(step).output;
    losses.insert(losses.end(), {output.loss_sum * session.grad_scale(step), output.loss_scale,
                                 static_cast<double>(output.skip)});
  }
  return losses;
}

// What graphs read that changes from step to step, beside learning rate and gradients' norm, which
// no graph reads: the scale falls when gradients overflow and grows again after two steps.
TEST(CudaLossScale, changes_between_launches_of_a_graph_as_without_graphs) {
  const test::TinyData data(4000, 800);
  TrainConfig config = config_of({2, ParallelStrategy::fsdp, Precision::fp16, true}, data.folder());
  config.loss_scale = {.initial = 0x1p24, .growth_interval = 2};
  const Losses with = losses_on_gpus(config, 2, {.seed = 7}, losses_and_scales);
  config.device.graphs = false;
  EXPECT_EQ(losses_on_gpus(config, 2, {.seed = 8}, losses_and_scales), with);
  std::vector<double> scales, skips;
  for (std::size_t i = 0; i < with.size(); i += 3) {
    scales.push_back(with[i + 1]);
    skips.push_back(with[i + 2]);
  }
  ASSERT_EQ(scales.size(), static_cast<std::size_t>(kSteps));
  for (std::size_t i = 0; i + 1 < scales.size(); ++i)
    if (skips[i] != 0) {
      EXPECT_EQ(scales[i + 1], scales[i] / 2) << i;
    }
  const std::vector<double> replayed(skips.begin() + 3, skips.end());
  EXPECT_THAT(replayed, testing::AllOf(testing::Contains(0.0), testing::Contains(1.0)));
  EXPECT_LT(with[with.size() - 3], with[0] - 0.1) << "nothing was learnt between skipped updates";
}

TEST_F(CudaStep, blocks_head_and_embedding_are_graphs_from_the_third_step_on) {
  const int64_t n_layer = config_.model.n_layer;
  on_every_rank([&](Session& session, int rank) {
    std::vector<int64_t> launches;
    run_steps(session, 6, [&](int64_t) {
      launches.push_back(emulation::counters(rank).graph_launches -
                         std::accumulate(launches.begin(), launches.end(), int64_t{0}));
    });
    // forward and backward of each block, backward of head and embedding
    const int64_t of_a_micro_step = 2 * n_layer + 2;
    for (std::size_t i = 2; i < launches.size(); ++i)
      EXPECT_EQ(launches[i], session.micro_steps(1) * of_a_micro_step) << i;
  });
}

/// Losses of the steps from the checkpoint, or the first, to `last`; with a checkpoint after `cut`,
/// written while later steps run.
Losses losses_with_checkpoint(const TrainConfig& config, int n_rank, int64_t cut, int64_t last,
                              const std::optional<std::filesystem::path>& from) {
  std::vector<Losses> losses(static_cast<std::size_t>(n_rank));
  emulation::EmulatedLauncher launcher(n_rank);
  emulation::run_ranks({.n_rank = n_rank, .seed = 5}, [&](int rank) {
    const std::unique_ptr<Launch> launch = launcher.launch(rank);
    Preparation preparation = prepare(config, n_rank);
    if (from) preparation.checkpoint.emplace(*from);
    Session session(std::move(preparation), *launch, make_backend(config, launch->info()));
    for (int64_t step = session.first_step(); step <= last; ++step) {
      enqueue_step(session, step);
      if (step == cut) session.checkpoints().take(step);
      const StepReadback readback = session.io().wait(step);
      session.checkpoints().heard(step, readback);
      losses[static_cast<std::size_t>(rank)].push_back(readback.output.loss_sum *
                                                       session.grad_scale(step));
    }
    session.checkpoints().finish();
  });
  return losses.front();
}

/// What a start that goes on to the last step makes of a checkpoint.
struct Resumed {
  Losses losses;
  std::string exactness;
  std::vector<std::string> algorithms;  ///< by rank
};

/// Two GPUs on which algorithms for products take so long. From a checkpoint if there is one; takes
/// one after step 3 otherwise.
Resumed run_on_two(const TrainConfig& config, const std::vector<int64_t>& product_ns,
                   const std::optional<std::filesystem::path>& from = std::nullopt) {
  Resumed result{.losses = {}, .exactness = {}, .algorithms = std::vector<std::string>(2)};
  emulation::EmulatedLauncher launcher(2);
  emulation::Options options{.n_rank = 2, .seed = 5};
  options.product_ns = product_ns;
  emulation::run_ranks(options, [&](int rank) {
    const std::unique_ptr<Launch> launch = launcher.launch(rank);
    Preparation preparation = prepare(config, 2);
    if (from) preparation.checkpoint.emplace(*from);
    Session session(std::move(preparation), *launch, make_backend(config, launch->info()));
    result.algorithms[static_cast<std::size_t>(rank)] = session.algorithms();
    if (from && rank == 0) result.exactness = exactness(session);
    for (int64_t step = session.first_step(); step <= config.schedule.steps; ++step) {
      enqueue_step(session, step);
      if (step == 3) session.checkpoints().take(step);
      const StepReadback readback = session.io().wait(step);
      session.checkpoints().heard(step, readback);
      if (rank == 0) result.losses.push_back(readback.output.loss_sum * session.grad_scale(step));
    }
    session.checkpoints().finish();
  });
  return result;
}

class CudaProducts : public testing::Test {
 protected:
  test::TinyData data_{4000, 800};
  test::TempDir folder_;
  std::filesystem::path checkpoint_ = folder_ / "tiny.checkpoints/step-00000003";
  TrainConfig config_ = [this] {
    TrainConfig config =
        config_of({.n_rank = 2, .strategy = ParallelStrategy::fsdp, .precision = Precision::bf16},
                  data_.folder());
    config.run.out = folder_.path();
    config.schedule.steps = 6;
    return config;
  }();
};

TEST_F(CudaProducts, a_run_that_goes_on_has_the_bits_of_one_that_did_not_stop) {
  const Resumed whole = run_on_two(config_, {900, 500, 700});
  EXPECT_THAT(whole.algorithms[0],
              testing::StartsWith("NVIDIA H100 80GB HBM3 (emulated), cuBLASLt "));
  EXPECT_EQ(whole.algorithms[0], whole.algorithms[1]) << "ranks do not agree";
  config_.run.name = "again";
  const Resumed again = run_on_two(config_, {900, 700, 100}, checkpoint_);
  EXPECT_EQ(again.losses, Losses(whole.losses.begin() + 3, whole.losses.end()));
  EXPECT_EQ(again.algorithms, whole.algorithms);
  EXPECT_EQ(again.exactness, "; the same bits as without the stop");
}

TEST_F(CudaProducts, a_run_that_goes_on_by_other_algorithms_says_that_rounding_differs) {
  const Resumed whole = run_on_two(config_, {900, 500, 700});
  config_.run.name = "again";
  config_.device.time_products = false;
  const Resumed untimed = run_on_two(config_, {900, 500, 700}, checkpoint_);
  EXPECT_EQ(untimed.algorithms[0], "");
  EXPECT_NE(untimed.losses, Losses(whole.losses.begin() + 3, whole.losses.end()))
      << "algorithms make no difference: the test above shows nothing";
  EXPECT_EQ(untimed.exactness,
            "; the same but for rounding: that run's matrix products had other algorithms");
}

TEST_F(CudaProducts, are_not_timed_in_a_deterministic_run) {
  config_.device.time_products.reset();
  const Resumed slow_first = run_on_two(config_, {900, 500, 700});
  config_.run.name = "again";
  const Resumed fast_first = run_on_two(config_, {500, 900, 700});
  EXPECT_EQ(slow_first.algorithms[0], "");
  EXPECT_EQ(slow_first.losses, fast_first.losses);
}

TEST(CudaCheckpoint, written_beside_training_gives_the_same_run_on_as_many_gpus_and_on_fewer) {
  const test::TinyData data(4000, 800);
  const test::TempDir folder;
  TrainConfig config =
      config_of({.n_rank = 4, .strategy = ParallelStrategy::fsdp, .precision = Precision::bf16},
                data.folder());
  config.run.out = folder.path();
  const Losses whole = losses_with_checkpoint(config, 4, 3, 6, std::nullopt);
  const std::filesystem::path checkpoint = folder / "tiny.checkpoints/step-00000003";
  config.run.name = "again";
  EXPECT_EQ(losses_with_checkpoint(config, 4, 0, 6, checkpoint),
            Losses(whole.begin() + 3, whole.end()));
  config.layout.strategy = ParallelStrategy::ddp;
  const Losses on_two = losses_with_checkpoint(config, 2, 0, 6, checkpoint);
  EXPECT_LT(std::abs(on_two.front() - whole.at(3)), 5e-4);
}

}  // namespace
}  // namespace isoflop
