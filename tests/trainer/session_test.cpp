// SPDX-License-Identifier: MIT
// Runs on 1, 2 and 4 ranks: what a session allocates is what core/parallel/memory_model.hpp
// predicts, the figure that plans are made with.
#include "trainer/session.hpp"

#include "core/base/error.hpp"
#include "core/parallel/memory_model.hpp"
#include "support/error_matchers.hpp"
#include "tiny_training.hpp"
#include "trainer/comm/single_launch.hpp"
#include "trainer/fsdp/sharding_cases.hpp"
#include "trainer/memory_report.hpp"
#include "trainer/out_of_memory.hpp"

#include <fmt/format.h>

#include <map>
#include <ostream>

namespace isoflop {
namespace {

/// Large enough that a percent is more than the rounding of buffers to 256 bytes.
ModelShape medium(ModelShape shape) {
  shape.d_model = 64;
  shape.d_head = 16;
  shape.d_ff = 160;
  shape.vocab_size = 512;
  shape.max_seq_len = 64;
  return shape;
}

/// A model with some of the options that change what is allocated.
struct Variant {
  const char* name;
  void (*edit)(ModelShape& shape);
};

constexpr Variant kVariants[] = {
    {"llama", [](ModelShape&) {}},
    {"gpt2", [](ModelShape& shape) { shape = medium(test::tiny_gpt2()); }},
    {"tied", [](ModelShape& shape) { shape.tied_embeddings = true; }},
    {"postnorm", [](ModelShape& shape) { shape.norm_position = NormPosition::post; }},
    {"postnorm_tied",
     [](ModelShape& shape) {
       shape = medium(test::tiny_gpt2());
       shape.norm_position = NormPosition::post;
       shape.tied_embeddings = true;
     }},
    {"manual", [](ModelShape& shape) { shape.attention_backend = AttentionBackend::manual; }},
    {"qknorm", [](ModelShape& shape) { shape.qk_norm = true; }},
    {"dropout", [](ModelShape& shape) { shape.dropout = 0.1; }},
    {"mqa_dropout_manual",
     [](ModelShape& shape) {
       shape.n_kv_head = 1;
       shape.dropout = 0.1;
       shape.attention_backend = AttentionBackend::manual;
     }},
    {"standard", [](ModelShape& shape) { shape.ffn = FfnType::standard; }},
};

/// Some blocks' activations run again, of two blocks.
struct NamedPlan {
  const char* name;
  RecomputePlan plan;
};

std::vector<NamedPlan> recompute_plans() {
  constexpr BlockParts kFull(Recompute::full);
  constexpr BlockParts kNorms = {BlockPart::norms};
  return {{"", Recompute::none},
          {"_recompute", Recompute::full},
          {"_norms", kNorms},
          {"_activations", BlockParts{BlockPart::activations}},
          {"_attention", BlockParts{BlockPart::attention}},
          {"_selective", Recompute::selective},
          {"_full_of_one", RecomputePlan({{0, 0, kFull}})},
          {"_mixed", RecomputePlan({{0, 0, kNorms}, {1, 1, kFull}})}};
}

struct MemoryCase {
  Variant variant;
  ShardingCase sharding;
  NamedPlan recompute;
  Precision precision;
  int64_t micro_batch_size;
  OptimizerKind optimizer = OptimizerKind::adamw;
  bool document_mask = false;
};

void PrintTo(const MemoryCase& c, std::ostream* out) {
  *out << c.variant.name << '_' << c.sharding.name << c.recompute.name << '_'
       << to_string(c.precision) << "_micro" << c.micro_batch_size
       << (c.optimizer == OptimizerKind::muon ? "_muon" : "")
       << (c.document_mask ? "_documents" : "");
}

void shard(LayoutConfig& config, const ShardingCase& sharding, int64_t world_size) {
  config.strategy = sharding.strategy;
  if (sharding.strategy == ParallelStrategy::hsdp)
    config.n_shard = layout_of(sharding, world_size).n_shard;
  config.fsdp = {.reshard_after_forward = sharding.reshard_after_forward,
                 .min_unit_params = sharding.min_unit_params};
}

std::map<std::string, int64_t> allocated_terms(const MemoryUsage& usage) {
  std::map<std::string, int64_t> terms;
  for (int i = 0; i < kMemoryCategories; ++i) {
    const auto category = static_cast<MemoryCategory>(i);
    const int64_t bytes = usage.by_category[static_cast<std::size_t>(i)];
    if (category != MemoryCategory::state && bytes > 0)
      terms[std::string(to_string(category))] = bytes;
  }
  return terms;
}

class SessionMemory : public testing::TestWithParam<MemoryCase> {
 protected:
  TrainConfig config() const {
    ModelShape shape = medium(test::tiny_llama());
    GetParam().variant.edit(shape);
    TrainConfig config = test::tiny_config(shape, data_.folder());
    config.data.seq_len = 64;
    config.data.document_mask = GetParam().document_mask;
    config.precision = GetParam().precision;
    config.optimizer.kind = GetParam().optimizer;
    shard(config.layout, GetParam().sharding, job_->info().world_size);
    config.layout.recompute = GetParam().recompute.plan;
    config.layout.micro_batch_size = GetParam().micro_batch_size;
    config.layout.global_batch_size = 4 * GetParam().micro_batch_size;
    return config;
  }
  /// Over all ranks what the estimate takes of the rank that holds most: Muon's owners differ.
  double largest(const std::string& name, int64_t allocated) const {
    const auto bytes = static_cast<double>(allocated);
    const bool differs =
        GetParam().optimizer == OptimizerKind::muon && name == to_string(MemoryCategory::optimizer);
    return differs ? job_->max_over_ranks(bytes) : bytes;
  }
  const std::unique_ptr<Launch> job_ = make_launch(nullptr, nullptr);
  test::TinyData data_{2000, 400};
};

// Steps allocate nothing, so the state after some steps is the peak.
TEST_P(SessionMemory, every_category_is_within_two_percent_below_the_estimate) {
  Session session = test::make_session(config(), *job_, make_cpu_backend({}, GetParam().precision));
  const int64_t before = session.backend().device->memory_usage().peak;
  for (int64_t step = 1; step <= 2; ++step) enqueue_step(session, step);
  session.io().wait(2);
  session.evaluate();
  const MemoryUsage usage = session.backend().device->memory_usage();
  EXPECT_EQ(usage.peak, before);

  std::map<std::string, int64_t> allocated = allocated_terms(usage);
  const MemoryEstimate estimate =
      predicted_memory(session.config(), session.layout(), session.backend());
  int64_t total = 0;
  for (const auto& [name, bytes] : estimate.terms()) {
    EXPECT_LE(allocated[name], bytes) << name;
    EXPECT_GE(largest(name, allocated[name]), 0.98 * static_cast<double>(bytes)) << name;
    total += allocated[name];
    allocated.erase(name);
  }
  for (const auto& [name, bytes] : allocated) ADD_FAILURE() << name << " is not in the estimate";
  EXPECT_LE(total, estimate.total());
}

// Loss, norms and gradient statistics: bytes a tensor, nothing that grows with the model's width.
TEST_P(SessionMemory, state_outside_the_estimate_is_small) {
  Session session = test::make_session(config(), *job_, make_cpu_backend({}, GetParam().precision));
  const auto& by_category = session.backend().device->memory_usage().by_category;
  const int64_t n_tensor = std::ssize(session.unit_of_tensor());
  EXPECT_LE(by_category[static_cast<std::size_t>(MemoryCategory::state)], 1024 + 256 * n_tensor);
}

constexpr Precision kPrecisions[] = {Precision::fp32, Precision::bf16, Precision::fp16};

/// Every variant under ddp and fsdp without, with full and with two other recomputations;
/// precisions and micro batches in turn.
std::vector<MemoryCase> activation_cases() {
  std::vector<MemoryCase> cases;
  const std::vector<NamedPlan> plans = recompute_plans();
  const auto add = [&](const Variant& variant, const ShardingCase& sharding,
                       const NamedPlan& plan) {
    const std::size_t n = cases.size();
    cases.push_back(
        {variant, sharding, plan, kPrecisions[(n + n / 4) % 3], 1 + static_cast<int64_t>(n % 5)});
  };
  std::size_t turn = 0;
  for (const Variant& variant : kVariants) {
    for (const ShardingCase& sharding : {kDdp, kFsdp}) {
      add(variant, sharding, plans[0]);
      add(variant, sharding, plans[1]);
      for (int i = 0; i < 2; ++i) add(variant, sharding, plans[2 + turn++ % (plans.size() - 2)]);
    }
  }
  return cases;
}

/// Tied and untied under the other strategies and ways to gather, Muon under all. Blocks have some
/// 47,000 parameters, the embedding 33,000.
std::vector<MemoryCase> sharding_cases() {
  using enum ParallelStrategy;
  constexpr ShardingCase kWays[] = {kZero1,
                                    kZero2,
                                    kHsdp,
                                    {"fsdp_kept", fsdp, false},
                                    {"fsdp_merged", fsdp, true, 60'000},
                                    {"hsdp_kept_merged", hsdp, false, 60'000}};
  const NamedPlan keep = recompute_plans().front();
  std::vector<MemoryCase> cases;
  for (const ShardingCase& way : kWays)
    for (const Precision precision : {Precision::fp32, Precision::bf16}) {
      for (const std::size_t variant : {0, 2})
        cases.push_back({kVariants[variant], way, keep, precision, 1});
    }
  for (const ShardingCase& strategy : kStrategies)
    for (const Precision precision : kPrecisions)
      cases.push_back(
          {kVariants[1], strategy, recompute_plans()[1], precision, 1, OptimizerKind::muon});
  for (const ShardingCase& way : kWays)
    for (const std::size_t variant : {0, 2})
      cases.push_back({kVariants[variant], way, keep, Precision::bf16, 1, OptimizerKind::muon});
  cases.push_back({.variant = kVariants[0],
                   .sharding = kFsdp,
                   .recompute = keep,
                   .precision = Precision::fp32,
                   .micro_batch_size = 2,
                   .document_mask = true});
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Activations, SessionMemory, testing::ValuesIn(activation_cases()),
                         testing::PrintToStringParamName());
INSTANTIATE_TEST_SUITE_P(Sharding, SessionMemory, testing::ValuesIn(sharding_cases()),
                         testing::PrintToStringParamName());

// A quarter on four ranks; padding to shards adds less than 2 %.
TEST(SessionShards, fsdp_holds_its_share_of_parameters_gradients_and_optimizer_state) {
  const std::unique_ptr<Launch> job = make_launch(nullptr, nullptr);
  const test::TinyData data(2000, 400);
  TrainConfig config = test::tiny_config(medium(test::tiny_llama()), data.folder());
  config.data.seq_len = 64;
  const auto usage_of = [&](Launch& launch) {
    Session session = test::make_session(config, launch, make_cpu_backend({}));
    return session.backend().device->memory_usage().by_category;
  };
  SingleLaunch one("here");
  const auto alone = usage_of(one);
  config.layout.strategy = ParallelStrategy::fsdp;
  const auto spread = usage_of(*job);
  for (const auto category :
       {MemoryCategory::parameters, MemoryCategory::gradients, MemoryCategory::optimizer}) {
    const auto i = static_cast<std::size_t>(category);
    const double whole = static_cast<double>(spread[i] * job->info().world_size);
    EXPECT_GE(whole, static_cast<double>(alone[i])) << to_string(category);
    EXPECT_LE(whole, 1.02 * static_cast<double>(alone[i])) << to_string(category);
  }
}

class SessionFailure : public testing::Test {
 protected:
  const std::unique_ptr<Launch> job_ = make_launch(nullptr, nullptr);
  test::TinyData data_;
  TrainConfig config_ = test::tiny_config(test::tiny_llama(), data_.folder());
};

TEST_F(SessionFailure, too_little_memory_on_one_rank_fails_all_and_names_category_and_remedies) {
  const RankInfo& info = job_->info();
  const bool poor = info.rank == info.world_size - 1;
  const auto build = [&] {
    test::make_session(config_, *job_, make_cpu_backend({.memory_limit_bytes = poor ? 20'000 : 0}));
  };
  if (!poor) {
    EXPECT_THROW(build(), ReportedElsewhereError);
    return;
  }
  const std::string message = test::message_of<OutOfMemoryError>(build);
  EXPECT_THAT(message, testing::StartsWith(
                           fmt::format("rank {} on {}: out of memory: ", info.rank, info.host)));
  EXPECT_THAT(message, testing::HasSubstr("for parameters with 19.5 KiB free of 19.5 KiB"));
  EXPECT_THAT(message, testing::HasSubstr("nothing makes it fit on these ranks"));
}

// The others wait for it in no collective, either.
TEST_F(SessionFailure, too_little_memory_on_one_rank_fails_all_under_every_strategy) {
  const bool poor = job_->info().rank == job_->info().world_size - 1;
  for (const auto strategy : {ParallelStrategy::ddp, ParallelStrategy::zero1,
                              ParallelStrategy::zero2, ParallelStrategy::fsdp}) {
    config_.layout.strategy = strategy;
    EXPECT_THROW(test::make_session(config_, *job_,
                                    make_cpu_backend({.memory_limit_bytes = poor ? 20'000 : 0})),
                 Error)
        << enum_name(kStrategyNames, strategy);
  }
}

/// More than the tables and scalars that the memory model leaves out.
constexpr int64_t kUncounted = 16 << 10;

// What is said to fit does fit: a session of that layout on a device of that size.
TEST_F(SessionFailure, remedies_for_too_little_memory_are_true) {
  const int world_size = job_->info().world_size;
  config_.model = medium(test::tiny_llama());
  config_.data.seq_len = 32;
  config_.layout.micro_batch_size = config_.layout.global_batch_size / world_size;
  const Backend backend = make_cpu_backend({});
  const int64_t now =
      predicted_memory(config_, resolve_layout(config_.layout, world_size), backend).total();
  for (const int64_t capacity : {now - 1, now * 3 / 4, now / 2}) {
    const auto remedies = memory_remedies(config_, world_size, backend, capacity);
    EXPECT_TRUE(!remedies.empty() || capacity < now - 1);
    for (const MemoryRemedy& remedy : remedies) {
      SCOPED_TRACE(remedy.change);
      EXPECT_LE(remedy.bytes, capacity);
      TrainConfig changed = config_;
      changed.layout = remedy.layout;
      EXPECT_NO_THROW(test::make_session(
          changed, *job_, make_cpu_backend({.memory_limit_bytes = capacity + kUncounted})));
    }
  }
}

TEST_F(SessionFailure, a_shape_the_trainer_cannot_run_is_refused_before_data_is_read) {
  config_.model.n_mtp_layer = 1;
  config_.data.path = "/nonexistent";
  EXPECT_THROW(prepare(config_, 1), ConfigError);
}

TEST_F(SessionFailure, a_batch_on_the_ramp_that_ranks_cannot_share_is_named) {
  config_.schedule.batch_ramp = BatchRamp{.start = 4, .increment = 1, .steps = 4};
  const std::string message =
      test::message_of<ConfigError>([this] { static_cast<void>(prepare(config_, 2)); });
  EXPECT_THAT(message, testing::HasSubstr("batch of '5' (must be a multiple of 2 ranks x "
                                          "micro_batch_size 1); choose start and increment as "
                                          "multiples of 2"));
}

}  // namespace
}  // namespace isoflop
