// SPDX-License-Identifier: MIT
#include "trainer/start_report.hpp"

#include "core/base/format.hpp"
#include "core/model/architecture.hpp"
#include "core/model/flops.hpp"
#include "core/model/muon_matrices.hpp"
#include "core/model/param_count.hpp"
#include "core/parallel/communication.hpp"
#include "trainer/checkpoint/space_check.hpp"
#include "trainer/memory_report.hpp"

#include <fmt/format.h>

namespace isoflop {
namespace {

std::string model_line(const TrainConfig& config) {
  const ParamCount params = count_params(config.model);
  return fmt::format("model     {}  {} parameters ({} without embeddings), {:.3g} GFLOP a token",
                     short_name(config.model), format_grouped(params.total()),
                     format_grouped(params.non_embedding()),
                     train_flops_per_token(config.model, config.data.seq_len) / 1e9);
}

std::string data_line(const Preparation& preparation) {
  const TrainConfig& config = preparation.config;
  const DatasetIndex& index = preparation.train_windows.index();
  const double planned = static_cast<double>(config.total_tokens());
  return fmt::format(
      "data      {}  {} train and {} validation tokens ({}), {:.2f} epochs planned",
      config.data.path.string(), format_count(static_cast<double>(index.train.n_tokens)),
      format_count(static_cast<double>(index.val.n_tokens)), index.tokenizer,
      planned / static_cast<double>(preparation.train_windows.n_windows() * config.data.seq_len));
}

/// "wsd: 1-sqrt over 12 steps to 10 %".
std::string schedule_text(const ScheduleConfig& schedule) {
  std::string text = enum_name(kScheduleKindNames, schedule.kind);
  if (schedule.kind == ScheduleKind::constant) return text;
  if (schedule.kind == ScheduleKind::wsd)
    text += fmt::format(": {} over {} steps", enum_name(kDecayShapeNames, schedule.decay_shape),
                        schedule.decay_steps());
  return text + fmt::format(" to {}", format_percent(schedule.min_lr_fraction, 0));
}

/// "8,192 tokens", "1,024 to 8,192 tokens".
std::string batch_text(const TrainConfig& config) {
  std::string text = format_grouped(config.tokens_per_step()) + " tokens";
  if (const auto& ramp = config.schedule.batch_ramp)
    text = fmt::format("{} to {} (from step {})", format_grouped(ramp->start * config.data.seq_len),
                       text, ramp->steps + 1);
  return text;
}

std::string steps_line(const TrainConfig& config) {
  return fmt::format("steps     {} x {} = {} tokens, seq_len {}, peak lr {:.2e}, warm-up {}, {}",
                     config.schedule.steps, batch_text(config),
                     format_count(static_cast<double>(config.total_tokens())), config.data.seq_len,
                     config.optimizer.lr, config.schedule.warmup_steps,
                     schedule_text(config.schedule));
}

/// "precision fp16: master weights, gradients and reductions in fp32, loss scale from 65536".
std::string precision_line(const TrainConfig& config) {
  std::string line = fmt::format("precision {}", to_string(config.precision));
  if (config.precision != Precision::fp32)
    line += ": master weights, gradients and reductions in fp32";
  if (config.precision == Precision::fp16)
    line += fmt::format(", loss scale from {:g}", config.loss_scale.initial);
  return line;
}

std::string deadline_line(double deadline_s) {
  return fmt::format("deadline  {}, in {}: the decay starts when it takes the time that is left",
                     utc_timestamp(static_cast<int64_t>(deadline_s)),
                     format_duration(deadline_s - system_time()));
}

/// "adamw", or "muon for 72 matrices of 84,934,656 parameters, adamw for 39,504,384".
std::string optimizer_line(const TrainConfig& config) {
  const OptimizerConfig& optimizer = config.optimizer;
  if (optimizer.kind == OptimizerKind::adamw)
    return fmt::format("optimizer adamw, betas {} and {}, weight decay {}", optimizer.beta1,
                       optimizer.beta2, optimizer.weight_decay);
  int64_t size = 0;
  const std::vector<MuonMatrix> matrices = muon_matrices(config.model);
  for (const MuonMatrix& matrix : matrices) size += matrix.size();
  return fmt::format(
      "optimizer muon for {} matrices of {} parameters (momentum {}{}, {} iterations), adamw for "
      "{} (betas {} and {}), weight decay {}",
      matrices.size(), format_grouped(size), optimizer.momentum,
      optimizer.nesterov ? ", nesterov" : "", optimizer.iterations,
      format_grouped(count_params(config.model).total() - size), optimizer.beta1, optimizer.beta2,
      optimizer.weight_decay);
}

std::string memory_line(const Preparation& preparation, const Backend& backend) {
  const MemoryEstimate estimate = predicted_memory(preparation.config, preparation.layout, backend);
  std::string line = fmt::format("memory    {} a rank:", format_bytes(estimate.total()));
  for (const auto& [name, bytes] : estimate.terms())
    line += fmt::format(" {} {},", name, format_bytes(bytes));
  line.pop_back();
  return line;
}

/// "traffic   rank 0 sends 1.2 GB a step: all-gather 0.4 GB, ..."; of a full batch. Under Muon it
/// owns the largest matrix.
std::string traffic_line(const Preparation& preparation) {
  const Layout& layout = preparation.layout;
  const ModelShape& shape = preparation.config.model;
  const FlatLayout flat = make_flat_layout(shape, layout);
  std::vector<Traffic> all = step_traffic(flat, layout, preparation.config.precision);
  if (preparation.config.optimizer.kind == OptimizerKind::muon)
    for (const Traffic& traffic : muon_traffic(flat, layout, 0)) add_traffic(all, traffic);
  int64_t total = 0;
  std::string terms;
  for (const Traffic& traffic : all) {
    total += traffic.bytes;
    terms += fmt::format("{} {} {}", terms.empty() ? "" : ",", to_string(traffic.kind),
                         format_bytes(traffic.bytes));
    if (traffic.group == Group::replica && layout.n_shard > 1) terms += " over replicas";
  }
  return fmt::format("traffic   rank 0 sends {} a step:{}", format_bytes(total), terms);
}

std::string device_line(const TrainConfig& config, const std::string& device) {
  if (!config.device.peak_tflops)
    return fmt::format("device    {}; peak unknown, MFU is not reported (set device.peak_tflops)",
                       device);
  return fmt::format(
      "device    {}; peak {:.4g} TFLOP/s {} a rank ({})", device, *config.device.peak_tflops,
      to_string(config.precision),
      config.device.peak_source.empty() ? "source not given" : config.device.peak_source);
}

std::string attention_line(const ModelShape& shape) {
  return fmt::format("attention {}", row_of(shape.attention_backend).name);
}

}  // namespace

std::vector<std::string> start_report(const Preparation& preparation, const Backend& backend) {
  std::vector<std::string> lines = {model_line(preparation.config),
                                    fmt::format("layout    {}", to_string(preparation.layout)),
                                    device_line(preparation.config, backend.device->description()),
                                    attention_line(preparation.config.model),
                                    data_line(preparation),
                                    steps_line(preparation.config),
                                    precision_line(preparation.config),
                                    optimizer_line(preparation.config),
                                    memory_line(preparation, backend)};
  if (preparation.layout.world_size() > 1) lines.push_back(traffic_line(preparation));
  if (preparation.deadline_s) lines.push_back(deadline_line(*preparation.deadline_s));
  lines.push_back("checkpoints " + checkpoint_plan_text(preparation.config));
  return lines;
}

}  // namespace isoflop
