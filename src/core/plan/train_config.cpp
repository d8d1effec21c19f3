// SPDX-License-Identifier: MIT
#include "core/plan/train_config.hpp"

#include "core/base/enum_names.hpp"
#include "core/base/error.hpp"
#include "core/model/model_config.hpp"
#include "core/plan/config_values.hpp"
#include "core/plan/recompute_config.hpp"
#include "core/plan/train_config_names.hpp"

#include <fmt/format.h>

#include <cstdint>

namespace isoflop {
namespace {

/// Every micro step of a step is timed by itself.
constexpr int64_t kMaxGradAccumSteps = int64_t{1} << 16;

/// Text that may not be empty.
std::string required_text(MapReader& map, const std::string& key) {
  const ConfigNode node = map.required_node(key);
  const std::string text = node.as<std::string>();
  if (text.empty()) node.fail("must not be empty");
  return text;
}

RunOptions read_run(const ConfigNode& node) {
  MapReader map(node);
  RunOptions run;
  run.name = required_text(map, "name");
  if (run.name.find('/') != std::string::npos)
    map.required_node("name").fail("becomes a file name and must not contain '/'",
                                   "put folders under run.out");
  run.out = map.value_or<std::filesystem::path>("out", run.out);
  run.seed = at_least(map, "seed", 0, run.seed);
  run.log_interval = at_least(map, "log_interval", 1, run.log_interval);
  map.finish();
  return run;
}

ModelShape read_model_entry(const ConfigNode& node) {
  if (node.is_map()) return read_model(node);
  const std::filesystem::path folder = std::filesystem::path(node.document_name()).parent_path();
  return load_model(folder / node.as<std::filesystem::path>());
}

DataConfig read_data(const ConfigNode& node, const ModelShape& model) {
  MapReader map(node);
  DataConfig data;
  data.path = required_text(map, "path");
  data.seq_len = required_extent(map, "seq_len");
  data.document_mask = map.value_or("document_mask", data.document_mask);
  data.verify = map.value_or("verify", data.verify);
  if (data.seq_len > model.max_seq_len)
    map.required_node("seq_len").fail(
        fmt::format("the model has positions up to max_seq_len {}", model.max_seq_len),
        "lower it or choose a model with more positions");
  map.finish();
  return data;
}

/// The ranks known now must divide the batch; the others are checked by resolve_layout.
void check_batch(MapReader& map, const LayoutConfig& layout) {
  const int64_t sequences = layout.micro_batch_size * layout.n_ranks.value_or(1);
  if (layout.global_batch_size % sequences == 0) return;
  const std::string ranks =
      layout.n_ranks ? fmt::format("n_ranks {} x ", *layout.n_ranks) : std::string();
  map.required_node("global_batch_size")
      .fail(fmt::format("must be a multiple of {}micro_batch_size {}", ranks,
                        layout.micro_batch_size),
            fmt::format("{} is the next", (layout.global_batch_size / sequences + 1) * sequences));
}

/// Tokens of a micro batch are indexed with 32 bits.
void check_micro_batch(MapReader& map, const LayoutConfig& layout, int64_t seq_len) {
  if (layout.micro_batch_size <= kMaxExtent / seq_len) return;
  map.required_node("micro_batch_size")
      .fail(fmt::format("with seq_len {} a micro batch would hold 2^31 tokens or more", seq_len),
            "lower it and accumulate more micro steps");
}

/// hsdp has no default that would suit: a copy of the model is best shared within a node, and a
/// configuration does not know how many ranks a node has.
std::optional<int64_t> read_n_shard(MapReader& map, const LayoutConfig& layout) {
  if (layout.strategy != ParallelStrategy::hsdp) {
    refuse(
        map, "n_shard",
        fmt::format("means nothing with strategy {}", enum_name(kStrategyNames, layout.strategy)),
        "remove it or set strategy to hsdp");
    return std::nullopt;
  }
  const int64_t n_shard = required_extent(map, "n_shard");
  if (layout.n_ranks && *layout.n_ranks % n_shard != 0)
    map.required_node("n_shard").fail(fmt::format("must divide n_ranks {}", *layout.n_ranks),
                                      "every copy of the model is shared by n_shard ranks");
  return n_shard;
}

LayoutConfig read_layout(const ConfigNode& node, const ModelShape& model, const DataConfig& data) {
  MapReader map(node);
  LayoutConfig layout;
  if (const auto strategy = map.find_node("strategy"))
    layout.strategy = read_enum(*strategy, kStrategyNames);
  if (map.find_node("n_ranks")) layout.n_ranks = required_extent(map, "n_ranks");
  layout.n_shard = read_n_shard(map, layout);
  layout.micro_batch_size = required_extent(map, "micro_batch_size");
  layout.global_batch_size = required_extent(map, "global_batch_size");
  if (const auto recompute = map.find_node("recompute"))
    layout.recompute = read_recompute(*recompute, model.n_layer);
  check_batch(map, layout);
  check_micro_batch(map, layout, data.seq_len);
  map.finish();
  return layout;
}

/// Sections whose keys all have defaults may be left out.
template <typename Section>
Section optional_section(MapReader& map, const std::string& key,
                         Section (*read)(const ConfigNode&)) {
  const std::optional<ConfigNode> node = map.find_node(key);
  return node ? read(*node) : Section{};
}

FsdpConfig read_fsdp(const ConfigNode& node) {
  MapReader map(node);
  FsdpConfig fsdp;
  fsdp.reshard_after_forward = map.value_or("reshard_after_forward", fsdp.reshard_after_forward);
  fsdp.min_unit_params = at_least(map, "min_unit_params", 0, fsdp.min_unit_params);
  map.finish();
  return fsdp;
}

FsdpConfig read_fsdp_of(MapReader& map, ParallelStrategy strategy) {
  if (!shards_parameters(strategy))
    refuse(
        map, "fsdp",
        fmt::format("means nothing with layout.strategy {}", enum_name(kStrategyNames, strategy)),
        "remove it or set layout.strategy to fsdp or hsdp");
  return optional_section(map, "fsdp", read_fsdp);
}

EvalConfig read_eval(const ConfigNode& node) {
  MapReader map(node);
  EvalConfig eval;
  eval.interval = at_least(map, "interval", 0, eval.interval);
  eval.sequences = at_least(map, "sequences", 1, eval.sequences);
  map.finish();
  return eval;
}

MetricsConfig read_metrics(const ConfigNode& node) {
  MapReader map(node);
  MetricsConfig metrics;
  metrics.gradient_interval = at_least(map, "gradient_interval", 0, metrics.gradient_interval);
  map.finish();
  return metrics;
}

DeviceConfig read_device(const ConfigNode& node) {
  MapReader map(node);
  DeviceConfig device;
  if (const auto kind = map.find_node("kind")) device.kind = read_enum(*kind, kDeviceKindNames);
  device.deterministic = map.value_or("deterministic", device.deterministic);
  device.time_products = map.find<bool>("time_products");
  if (const auto registration = map.find_node("nccl_registration"))
    device.nccl_registration = read_enum(*registration, kNcclRegistrationNames);
  device.graphs = map.value_or("graphs", device.graphs);
  device.fuse_gelu = map.value_or("fuse_gelu", device.fuse_gelu);
  device.name = map.value_or<std::string>("name", "");
  device.peak_tflops = map.find_positive("peak_tflops");
  device.peak_source = map.value_or<std::string>("peak_source", "");
  map.finish();
  return device;
}

Prediction read_prediction(const ConfigNode& node) {
  MapReader map(node);
  Prediction prediction;
  prediction.cluster = map.required<std::string>("cluster");
  prediction.step_s = map.required_positive("step_s");
  prediction.mfu = map.required_positive("mfu");
  prediction.memory_gib = map.required_positive("memory_gib");
  prediction.wall_s = map.required_positive("wall_s");
  prediction.loss = map.find_positive("loss");
  prediction.loss_law = map.required<std::string>("loss_law");
  map.finish();
  return prediction;
}

Precision read_precision(const ConfigNode& node) {
  return read_enum(node, kTrainingPrecisionNames);
}

LossScaleConfig read_loss_scale_of(MapReader& map, Precision precision) {
  if (precision != Precision::fp16)
    refuse(map, "loss_scale", fmt::format("means nothing with precision {}", to_string(precision)),
           "remove it or set precision to fp16");
  return optional_section(map, "loss_scale", read_loss_scale);
}

/// Muon exchanges pieces of gradients with its own workspace, and NCCL leaves undefined what
/// becomes of messages between registered and other memory.
void check_registration(const DeviceConfig& device, const OptimizerConfig& optimizer) {
  if (device.nccl_registration == NcclRegistration::off || optimizer.kind != OptimizerKind::muon)
    return;
  throw ConfigError(fmt::format(
      "device.nccl_registration is '{}' (must be off with optimizer.kind muon, which exchanges "
      "parts of the gradients with memory that is not registered); set one or the other",
      enum_name(kNcclRegistrationNames, device.nccl_registration)));
}

ScheduleSurroundings surroundings_of(const TrainConfig& config) {
  const LayoutConfig& layout = config.layout;
  return {.full_batch_size = layout.global_batch_size,
          .seq_len = config.data.seq_len,
          .batch_divisor = layout.n_ranks.value_or(1) * layout.micro_batch_size};
}

/// Ranks that share one copy of what is sharded.
int64_t n_shard_of(const LayoutConfig& config, int64_t world_size) {
  if (config.strategy == ParallelStrategy::ddp) return 1;
  if (config.strategy != ParallelStrategy::hsdp) return world_size;
  if (world_size % *config.n_shard != 0)
    throw ConfigError(fmt::format(
        "layout.n_shard is '{}' (must divide the {} ranks of this run); start a multiple of {} "
        "ranks or change n_shard",
        *config.n_shard, world_size, *config.n_shard));
  return *config.n_shard;
}

}  // namespace

TrainConfig read_train_config(const ConfigNode& root) {
  MapReader map(root);
  TrainConfig config;
  config.run = read_run(map.required_node("run"));
  config.model = read_model_entry(map.required_node("model"));
  config.data = read_data(map.required_node("data"), config.model);
  config.layout = read_layout(map.required_node("layout"), config.model, config.data);
  config.layout.fsdp = read_fsdp_of(map, config.layout.strategy);
  config.precision = optional_section(map, "precision", read_precision);
  config.loss_scale = read_loss_scale_of(map, config.precision);
  config.optimizer = read_optimizer(map.required_node("optimizer"));
  config.schedule = read_schedule(map.required_node("schedule"), surroundings_of(config));
  config.eval = optional_section(map, "eval", read_eval);
  config.checkpoint = optional_section(map, "checkpoint", read_checkpoint);
  config.metrics = optional_section(map, "metrics", read_metrics);
  config.health = optional_section(map, "health", read_health);
  config.log = optional_section(map, "log", read_log);
  config.device = optional_section(map, "device", read_device);
  check_registration(config.device, config.optimizer);
  if (const auto prediction = map.find_node("prediction"))
    config.prediction = read_prediction(*prediction);
  map.finish();
  return config;
}

Layout resolve_layout(const LayoutConfig& config, int64_t world_size) {
  if (config.n_ranks && *config.n_ranks != world_size) {
    throw ConfigError(
        fmt::format("layout.n_ranks is '{}' (this run has {} ranks); start {} ranks, or change or "
                    "remove n_ranks",
                    *config.n_ranks, world_size, *config.n_ranks));
  }
  const int64_t sequences = world_size * config.micro_batch_size;
  if (config.global_batch_size % sequences != 0) {
    throw ConfigError(fmt::format(
        "layout.global_batch_size is '{}' (must be a multiple of {} ranks x micro_batch_size {}); "
        "set it to {}, or change the ranks or the micro batch",
        config.global_batch_size, world_size, config.micro_batch_size,
        (config.global_batch_size / sequences + 1) * sequences));
  }
  const int64_t grad_accum_steps = config.global_batch_size / sequences;
  if (grad_accum_steps > kMaxGradAccumSteps) {
    throw ConfigError(fmt::format(
        "layout.global_batch_size is '{}' (a step would be {} micro steps of {} ranks x "
        "micro_batch_size {}, at most {} are possible); lower it, raise micro_batch_size or start "
        "more ranks",
        config.global_batch_size, grad_accum_steps, world_size, config.micro_batch_size,
        kMaxGradAccumSteps));
  }
  const int64_t n_shard = n_shard_of(config, world_size);
  return {.strategy = config.strategy,
          .n_replica = world_size / n_shard,
          .n_shard = n_shard,
          .micro_batch_size = config.micro_batch_size,
          .grad_accum_steps = grad_accum_steps,
          .recompute = config.recompute,
          .reshard_after_forward = config.fsdp.reshard_after_forward,
          .min_unit_params = config.fsdp.min_unit_params};
}

void check_batch_sizes(const BatchSchedule& batches, const Layout& layout) {
  const int64_t sequences = layout.world_size() * layout.micro_batch_size;
  const auto size = batches.first_size_not_multiple_of(sequences);
  if (!size) return;
  throw ConfigError(
      fmt::format("schedule.batch_ramp leads to a batch of '{}' (must be a multiple of {} ranks x "
                  "micro_batch_size {}); choose start and increment as multiples of {}, or change "
                  "the ranks or the micro batch",
                  *size, layout.world_size(), layout.micro_batch_size, sequences));
}

}  // namespace isoflop
