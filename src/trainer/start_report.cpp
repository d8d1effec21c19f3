// SPDX-License-Identifier: MIT
#include "trainer/start_report.hpp"

#include "core/base/format.hpp"
#include "core/model/architecture.hpp"
#include "core/model/flops.hpp"
#include "core/model/muon_matrices.hpp"
#include "core/model/param_count.hpp"
#include "core/parallel/communication.hpp"
#include "trainer/checkpoint/space_check.hpp"
#include "trainer/console/labelled_text.hpp"
#include "trainer/memory_report.hpp"
#include "trainer/telemetry/run_header.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <set>

namespace isoflop {
namespace {

/// "8 heads of 64", "32 heads of 128 on 8 of keys and values".
std::string heads_text(const ModelShape& shape) {
  std::string text = fmt::format("{} heads of {}", shape.n_head, shape.d_head);
  if (shape.n_kv_head != shape.n_head)
    text += fmt::format(" on {} of keys and values", shape.n_kv_head);
  return text;
}

/// "rope (theta 10000) up to 2048".
std::string position_text(const ModelShape& shape) {
  std::string text = std::string(row_of(shape.position).name);
  if (shape.position == PositionEncoding::rope)
    text += fmt::format(" (theta {:g})", shape.rope_theta);
  return text + fmt::format(" up to {}", shape.max_seq_len);
}

/// What few models have.
std::string special_parts_text(const ModelShape& shape) {
  std::string text;
  if (shape.qkv_bias || shape.attention_out_bias || shape.ffn_bias) text += ", biases";
  if (shape.qk_norm) text += ", norms of queries and keys";
  if (shape.dropout > 0) text += fmt::format(", dropout {:g}", shape.dropout);
  if (shape.z_loss > 0) text += fmt::format(", z-loss {:g}", shape.z_loss);
  return text;
}

void add_model(LabelledText& report, const ModelShape& shape) {
  const std::string_view ffn = shape.ffn == FfnType::gated ? row_of(shape.activation).gated_label
                                                           : row_of(shape.activation).label;
  report.add("model", short_name(shape));
  report.more(fmt::format("{} layers, d_model {}, {}, d_ff {} {}, vocabulary {}", shape.n_layer,
                          shape.d_model, heads_text(shape), shape.d_ff, ffn,
                          format_grouped(shape.vocab_size)));
  report.more(fmt::format("positions {}, {} {} sub-layers, {}, attention {}{}",
                          position_text(shape), row_of(shape.norm).name,
                          shape.norm_position == NormPosition::pre ? "before" : "after",
                          shape.tied_embeddings ? "tied embeddings" : "output projection untied",
                          row_of(shape.attention_backend).name, special_parts_text(shape)));
}

void add_parameters(LabelledText& report, const ModelShape& shape) {
  const ParamCount params = count_params(shape);
  const std::string total = format_grouped(params.total());
  report.add("parameters", fmt::format("{} in total, {} trainable, {} without embeddings", total,
                                       total, format_grouped(params.non_embedding())));
}

void add_data(LabelledText& report, const Preparation& preparation) {
  const TrainConfig& config = preparation.config;
  const DatasetIndex& index = preparation.train_windows.index();
  const double planned = static_cast<double>(config.total_tokens());
  report.add("data",
             fmt::format("{}: {} train and {} validation tokens ({}), {:.2f} epochs",
                         config.data.path.string(),
                         format_count(static_cast<double>(index.train.n_tokens)),
                         format_count(static_cast<double>(index.val.n_tokens)), index.tokenizer,
                         planned / static_cast<double>(preparation.train_windows.n_windows() *
                                                       config.data.seq_len)));
  if (config.data.document_mask) report.more("attention within documents");
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

/// "fp16: master weights, gradients and reductions in fp32, loss scale from 65536".
std::string precision_text(const TrainConfig& config) {
  std::string text = to_string(config.precision);
  if (config.precision != Precision::fp32)
    text += ": master weights, gradients and reductions in fp32";
  if (config.precision == Precision::fp16)
    text += fmt::format(", loss scale from {:g}", config.loss_scale.initial);
  return text;
}

/// "adamw", or "muon for 72 matrices of 84,934,656 parameters, adamw for 39,504,384".
std::string optimizer_text(const TrainConfig& config) {
  const OptimizerConfig& optimizer = config.optimizer;
  if (optimizer.kind == OptimizerKind::adamw)
    return fmt::format("adamw, betas {} and {}, weight decay {}", optimizer.beta1, optimizer.beta2,
                       optimizer.weight_decay);
  int64_t size = 0;
  const std::vector<MuonMatrix> matrices = muon_matrices(config.model);
  for (const MuonMatrix& matrix : matrices) size += matrix.size();
  return fmt::format(
      "muon for {} matrices of {} parameters (momentum {}{}, {} iterations), adamw for {} (betas "
      "{} and {}), weight decay {}",
      matrices.size(), format_grouped(size), optimizer.momentum,
      optimizer.nesterov ? ", nesterov" : "", optimizer.iterations,
      format_grouped(count_params(config.model).total() - size), optimizer.beta1, optimizer.beta2,
      optimizer.weight_decay);
}

void add_training(LabelledText& report, const TrainConfig& config) {
  const auto tokens = static_cast<double>(config.total_tokens());
  report.add(
      "training",
      fmt::format("{} steps x {} = {} tokens ({:.1f} a parameter), seq_len {}",
                  format_grouped(config.schedule.steps), batch_text(config), format_count(tokens),
                  tokens / static_cast<double>(count_params(config.model).total()),
                  config.data.seq_len));
  report.more(optimizer_text(config));
  report.more(fmt::format("peak lr {:.2e}, warm-up {} steps, {}, gradients clipped at {:g}",
                          config.optimizer.lr, config.schedule.warmup_steps,
                          schedule_text(config.schedule), config.optimizer.grad_clip));
  report.more("precision " + precision_text(config));
}

void add_deadline(LabelledText& report, double deadline_s) {
  report.add("deadline", fmt::format("{}, in {}: the decay starts when it takes the time that is "
                                     "left",
                                     utc_timestamp(static_cast<int64_t>(deadline_s)),
                                     format_duration(deadline_s - system_time())));
}

/// "4 ranks on 2 hosts, n1 and n2" names few hosts.
std::string ranks_text(const std::vector<RankInfo>& ranks) {
  std::set<std::string> hosts;
  for (const RankInfo& rank : ranks) hosts.insert(rank.host);
  std::string text =
      fmt::format("{} rank{} on {} host{}", ranks.size(), ranks.size() == 1 ? "" : "s",
                  hosts.size(), hosts.size() == 1 ? "" : "s");
  constexpr std::size_t kNamed = 4;
  if (hosts.size() <= kNamed) text += fmt::format(" ({})", fmt::join(hosts, ", "));
  return text;
}

void add_hardware(LabelledText& report, const TrainConfig& config, const std::string& device,
                  const std::vector<RankInfo>& ranks) {
  report.add("hardware", fmt::format("{}, each: {}", ranks_text(ranks), device));
  if (!config.device.peak_tflops) {
    report.more("peak unknown, MFU is not reported (set device.peak_tflops)");
    return;
  }
  const std::string& source = config.device.peak_source;
  report.more(fmt::format("peak {:.4g} TFLOP/s {} dense a rank ({}), {:.4g} of all",
                          *config.device.peak_tflops, to_string(config.precision),
                          source.empty() ? "source not given" : source,
                          *config.device.peak_tflops * static_cast<double>(ranks.size())));
}

/// "2.59 GFLOP".
std::string flops_text(double flops) {
  constexpr std::array kUnits = {"FLOP", "kFLOP", "MFLOP", "GFLOP", "TFLOP"};
  std::size_t unit = 0;
  for (; flops >= 999.5 && unit + 1 < kUnits.size(); ++unit) flops /= 1000;
  return fmt::format("{:.3g} {}", flops, kUnits[unit]);
}

/// What the hardware could do at most.
void add_flops(LabelledText& report, const TrainConfig& config, std::size_t n_rank) {
  const int64_t T = config.data.seq_len;
  const double forward = forward_flops_per_token(config.model, T).matmul();
  const double training = train_flops_per_token(config.model, T);
  report.add("flops", fmt::format("{} a token: forward {}, backward {}", flops_text(training),
                                  flops_text(forward), flops_text(training - forward)));
  report.more(fmt::format("by {}", kFlopsFormula));
  report.more(
      fmt::format("with the full square of attention, as most tables: {}",
                  flops_text(train_flops_per_token(config.model, T, AttentionFlops::full_square))));
  if (!config.device.peak_tflops) return;
  const double peak = *config.device.peak_tflops * 1e12 * static_cast<double>(n_rank);
  const auto tokens = static_cast<double>(config.total_tokens());
  report.more(fmt::format("at 100 % MFU: {} tokens/s, all {} tokens in {}",
                          format_count(peak / training), format_count(tokens),
                          format_duration(tokens * training / peak)));
}

void add_expectation(LabelledText& report, const TrainConfig& config) {
  if (!config.prediction) return;
  const Prediction& plan = *config.prediction;
  report.add("expected",
             fmt::format("{} tokens/s, {} a step, MFU {} (the plan for {})",
                         format_count(static_cast<double>(config.tokens_per_step()) / plan.step_s),
                         format_duration(plan.step_s), format_percent(plan.mfu), plan.cluster));
  std::string all = fmt::format("{} in all", format_duration(plan.wall_s));
  if (plan.loss) all += fmt::format(", loss {:.3f} ({})", *plan.loss, plan.loss_law);
  report.more(all);
}

void add_memory(LabelledText& report, const Preparation& preparation, const Backend& backend) {
  const MemoryEstimate estimate = predicted_memory(preparation.config, preparation.layout, backend);
  std::string text = fmt::format("{} a rank:", format_bytes(estimate.total()));
  for (const auto& [name, bytes] : estimate.terms())
    text += fmt::format(" {} {},", name, format_bytes(bytes));
  text.pop_back();
  report.add("memory", text);
}

/// "rank 0 sends 1.2 GB a step: all-gather 0.4 GB, ..."; of a full batch. Under Muon it owns the
/// largest matrix.
void add_traffic(LabelledText& report, const Preparation& preparation) {
  const Layout& layout = preparation.layout;
  if (layout.world_size() == 1) return;
  const ModelShape& shape = preparation.config.model;
  const FlatLayout flat = make_flat_layout(shape, layout);
  std::vector<Traffic> all = step_traffic(flat, layout, preparation.config.precision);
  if (preparation.config.optimizer.kind == OptimizerKind::muon)
    for (const Traffic& traffic : muon_traffic(flat, layout, 0)) isoflop::add_traffic(all, traffic);
  int64_t total = 0;
  std::string terms;
  for (const Traffic& traffic : all) {
    total += traffic.bytes;
    terms += fmt::format("{} {} {}", terms.empty() ? "" : ",", to_string(traffic.kind),
                         format_bytes(traffic.bytes));
    if (traffic.group == Group::replica && layout.n_shard > 1) terms += " over replicas";
  }
  report.add("traffic", fmt::format("rank 0 sends {} a step:{}", format_bytes(total), terms));
}

}  // namespace

std::vector<std::string> start_report(const Preparation& preparation, const Backend& backend,
                                      const std::vector<RankInfo>& ranks) {
  const TrainConfig& config = preparation.config;
  LabelledText report;
  add_model(report, config.model);
  add_parameters(report, config.model);
  add_training(report, config);
  add_data(report, preparation);
  if (preparation.deadline_s) add_deadline(report, *preparation.deadline_s);
  report.add("layout", to_string(preparation.layout));
  add_hardware(report, config, backend.device->description(), ranks);
  add_flops(report, config, ranks.size());
  add_expectation(report, config);
  add_memory(report, preparation, backend);
  add_traffic(report, preparation);
  report.add("checkpoints", checkpoint_plan_text(config));
  return report.lines();
}

std::string config_echo(const TrainConfig& config) {
  return "configuration, runs again as it is\n---\n" +
         write_train_config(config, "what this run was started with") + "...";
}

}  // namespace isoflop
