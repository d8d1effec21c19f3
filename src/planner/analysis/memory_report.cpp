// SPDX-License-Identifier: MIT
#include "planner/analysis/memory_report.hpp"

#include "core/base/format.hpp"
#include "core/base/json_writer.hpp"
#include "core/base/table/render.hpp"
#include "core/model/parameter_list.hpp"
#include "planner/analysis/model_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

namespace isoflop {
namespace {

std::string line(std::string_view label, const std::string& text) {
  return fmt::format("{:<12}{}\n", label, text);
}

std::string optimizer_name(OptimizerKind kind) {
  return kind == OptimizerKind::adamw ? "adamw" : "muon";
}

std::string attention_name(AttentionBackend backend) {
  return backend == AttentionBackend::manual ? "manual" : "flash";
}

std::string recompute_name(const MemoryRow& row) {
  return enum_name(kRecomputeNames, row.layout.recompute.parts(0).mode());
}

/// "hsdp 2 x 4" where the shards are not all ranks.
std::string strategy_name(const Layout& layout) {
  const std::string name = enum_name(kStrategyNames, layout.strategy);
  return layout.strategy == ParallelStrategy::hsdp
             ? fmt::format("{} {} x {}", name, layout.n_replica, layout.n_shard)
             : name;
}

double share_of_usable(const MemoryRow& row, const MemoryStudy& study) {
  return static_cast<double>(row.memory.total()) / study.capacity.usable_bytes();
}

Table memory_table(const MemoryStudy& study, const std::string& gpu) {
  Table table{"memory", "Memory of one GPU"};
  table.notes = {
      "weights: master, compute copy, gathered blocks; gradients: with their buffers; "
      "other: workspace, logits, batch",
      "flash: attention of linear memory; manual: all scores kept"};
  table.columns = {{"strategy", "strategy"},
                   {"optimizer", "optimizer"},
                   {"recompute", "recompute"},
                   {"attention", "attention"}};
  for (const char* const name : {"weights", "gradients", "states", "activations", "other", "total"})
    table.columns.push_back({name, name, "", CellStyle::bytes});
  table.columns.push_back({"share", "of usable", "%", CellStyle::fixed, 0});
  table.columns.push_back({"fits", "fits " + gpu});
  table.columns.push_back({"largest", "largest term"});
  for (const MemoryRow& row : study.rows) {
    const MemoryEstimate& memory = row.memory;
    table.rows.push_back({strategy_name(row.layout), optimizer_name(row.optimizer),
                          recompute_name(row), attention_name(row.attention),
                          memory.parameters + memory.compute_parameters + memory.gathered,
                          memory.gradients + memory.gradient_buffers, memory.optimizer,
                          memory.activations, memory.workspace + memory.logits + memory.batch,
                          memory.total(), 100 * share_of_usable(row, study),
                          std::string(row.fits ? "yes" : "no"), memory.terms().front().first});
  }
  return table;
}

/// How many fit, and the one that needs least.
std::string describe_outcome(const MemoryStudy& study, const std::string& gpu) {
  const auto n_fit = std::count_if(study.rows.begin(), study.rows.end(),
                                   [](const MemoryRow& row) { return row.fits; });
  const auto least = std::min_element(
      study.rows.begin(), study.rows.end(),
      [](const auto& a, const auto& b) { return a.memory.total() < b.memory.total(); });
  return line("Fits", fmt::format("{} of {} on {}; least: {}, {}, recompute {}: {}, {} of usable",
                                  n_fit, study.rows.size(), gpu, strategy_name(least->layout),
                                  optimizer_name(least->optimizer), recompute_name(*least),
                                  format_bytes(least->memory.total()),
                                  format_percent(share_of_usable(*least, study), 0)));
}

std::string describe_gpus(const MemoryStudyRequest& request, const MemoryCapacity& capacity,
                          const std::string& gpu_how) {
  return line("GPUs", fmt::format("{} x {}", request.n_gpu, request.gpu.name)) + line("", gpu_how) +
         line("Usable",
              fmt::format("{} of each: {} less {} for the runtime and {} for "
                          "fragmentation",
                          format_bytes(capacity.usable_bytes()),
                          format_bytes(capacity.device_bytes), format_bytes(capacity.runtime_bytes),
                          format_bytes(capacity.fragmentation_bytes)));
}

std::string trainer_note(const ModelShape& shape) {
  const std::string part = untrainable_part(shape);
  return part.empty() ? "has no kernels for Muon and manual attention on GPUs yet: those rows are "
                        "predictions only"
                      : fmt::format(
                            "does not run it: it has {}; rows say what programs that do "
                            "are predicted to hold, as planner estimate does",
                            part);
}

/// "optimizer_state".
std::string term_key(std::string name) {
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
}

void write_row(JsonWriter& json, const MemoryRow& row, const MemoryStudy& study) {
  json.begin_object()
      .entry("strategy", enum_name(kStrategyNames, row.layout.strategy))
      .entry("n_replica", row.layout.n_replica)
      .entry("n_shard", row.layout.n_shard)
      .entry("optimizer", optimizer_name(row.optimizer))
      .entry("recompute", recompute_name(row))
      .entry("attention", attention_name(row.attention))
      .entry("memory_bytes", row.memory.total())
      .entry("share_of_usable", share_of_usable(row, study))
      .entry("fits", row.fits)
      .entry("largest_term", term_key(row.memory.terms().front().first))
      .key("terms_bytes")
      .begin_object();
  for (const auto& [name, bytes] : row.memory.terms()) json.entry(term_key(name), bytes);
  json.end_object().end_object();
}

}  // namespace

std::string describe_memory_study(const MemoryStudyRequest& request, const MemoryStudy& study,
                                  const std::string& gpu_how) {
  const Table table = memory_table(study, request.gpu.name);
  return describe_model(request.shape) + describe_gpus(request, study.capacity, gpu_how) +
         line("Batch", fmt::format("micro batch {} x {} tokens, {}", request.micro_batch_size,
                                   request.seq_len, to_string(request.precision))) +
         describe_outcome(study, request.gpu.name) + line("Trainer", trainer_note(request.shape)) +
         "\n" + render_text(std::span(&table, 1));
}

std::string memory_study_as_json(const MemoryStudyRequest& request, const MemoryStudy& study) {
  JsonWriter json;
  json.begin_object()
      .entry("model", short_name(request.shape))
      .entry("trainable", untrainable_part(request.shape).empty())
      .entry("gpu", request.gpu.name)
      .entry("n_gpus", request.n_gpu)
      .entry("micro_batch_size", request.micro_batch_size)
      .entry("seq_len", request.seq_len)
      .entry("precision", to_string(request.precision))
      .entry("device_bytes", study.capacity.device_bytes)
      .entry("usable_bytes", study.capacity.usable_bytes())
      .key("layouts")
      .begin_array();
  for (const MemoryRow& row : study.rows) write_row(json, row, study);
  return json.end_array().end_object().text();
}

}  // namespace isoflop
