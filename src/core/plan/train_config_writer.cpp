// SPDX-License-Identifier: MIT
#include "core/base/yaml_writer.hpp"
#include "core/model/model_config.hpp"
#include "core/plan/recompute_config.hpp"
#include "core/plan/train_config.hpp"
#include "core/plan/train_config_names.hpp"

#include <sstream>

namespace isoflop {
namespace {

void write_run(YamlWriter& writer, const RunOptions& run) {
  writer.begin_map("run")
      .entry("name", run.name)
      .entry("out", run.out.string())
      .entry("seed", run.seed)
      .entry("log_interval", run.log_interval, "steps")
      .end_map();
}

void write_data(YamlWriter& writer, const DataConfig& data) {
  writer.begin_map("data")
      .entry("path", data.path.string())
      .entry("seq_len", data.seq_len, "tokens")
      .entry("document_mask", data.document_mask, "attention stays within a document")
      .entry("verify", data.verify, "checksums of all shards at the start")
      .end_map();
}

void write_layout(YamlWriter& writer, const LayoutConfig& layout) {
  writer.begin_map("layout").entry("strategy", enum_name(kStrategyNames, layout.strategy));
  if (layout.n_ranks) writer.entry("n_ranks", *layout.n_ranks);
  if (layout.n_shard)
    writer.entry("n_shard", *layout.n_shard, "ranks that share one copy of the model");
  writer.entry("micro_batch_size", layout.micro_batch_size, "sequences per rank and micro step")
      .entry("global_batch_size", layout.global_batch_size, "sequences per optimizer step");
  write_recompute(writer, layout.recompute);
  writer.end_map();
}

void write_fsdp(YamlWriter& writer, const FsdpConfig& fsdp) {
  writer.begin_map("fsdp")
      .entry("reshard_after_forward", fsdp.reshard_after_forward)
      .entry("min_unit_params", fsdp.min_unit_params, "smaller units are merged")
      .end_map();
}

void write_eval(YamlWriter& writer, const EvalConfig& eval) {
  writer.begin_map("eval")
      .entry("interval", eval.interval, "steps; 0: only at the end")
      .entry("sequences", eval.sequences)
      .end_map();
}

void write_metrics(YamlWriter& writer, const MetricsConfig& metrics) {
  writer.begin_map("metrics")
      .entry("gradient_interval", metrics.gradient_interval, "steps; 0: never")
      .end_map();
}

void write_device(YamlWriter& writer, const DeviceConfig& device) {
  writer.begin_map("device")
      .entry("kind", enum_name(kDeviceKindNames, device.kind))
      .entry("deterministic", device.deterministic)
      .entry("nccl_registration", enum_name(kNcclRegistrationNames, device.nccl_registration));
  if (device.time_products) writer.entry("time_products", *device.time_products);
  writer.entry("graphs", device.graphs)
      .entry("fuse_gelu", device.fuse_gelu)
      .entry("name", device.name);
  if (device.peak_tflops)
    writer.entry("peak_tflops", *device.peak_tflops, "dense, of the precision above");
  writer.entry("peak_source", device.peak_source).end_map();
}

void write_prediction(YamlWriter& writer, const Prediction& prediction) {
  writer.begin_map("prediction")
      .entry("cluster", prediction.cluster)
      .entry("step_s", prediction.step_s)
      .entry("mfu", prediction.mfu, "causal FLOPs")
      .entry("memory_gib", prediction.memory_gib, "per rank, the trainer's own allocations")
      .entry("wall_s", prediction.wall_s);
  if (prediction.loss) writer.entry("loss", *prediction.loss, "nats per token");
  writer.entry("loss_law", prediction.loss_law).end_map();
}

std::string as_comment_lines(const std::string& header) {
  std::istringstream lines(header);
  std::string text;
  for (std::string line; std::getline(lines, line);)
    text += line.empty() ? "#\n" : "# " + line + "\n";
  return text;
}

}  // namespace

std::string write_train_config(const TrainConfig& config, const std::string& header) {
  YamlWriter writer;
  write_run(writer, config.run);
  writer.begin_map("model");
  write_model(writer, config.model);
  writer.end_map();
  write_data(writer, config.data);
  write_layout(writer, config.layout);
  if (shards_parameters(config.layout.strategy)) write_fsdp(writer, config.layout.fsdp);
  writer.entry("precision", enum_name(kTrainingPrecisionNames, config.precision));
  if (config.precision == Precision::fp16) write_loss_scale(writer, config.loss_scale);
  write_optimizer(writer, config.optimizer);
  write_schedule(writer, config.schedule);
  write_eval(writer, config.eval);
  write_checkpoint(writer, config.checkpoint);
  write_metrics(writer, config.metrics);
  write_health(writer, config.health);
  write_log(writer, config.log);
  write_device(writer, config.device);
  if (config.prediction) write_prediction(writer, *config.prediction);
  return as_comment_lines(header) + writer.text();
}

}  // namespace isoflop
