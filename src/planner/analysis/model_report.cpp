// SPDX-License-Identifier: MIT
#include "planner/analysis/model_report.hpp"

#include "core/base/format.hpp"
#include "core/base/json_writer.hpp"
#include "core/base/table/render.hpp"
#include "core/model/parameter_list.hpp"

#include <fmt/format.h>

#include <array>
#include <span>
#include <vector>

namespace isoflop {
namespace {

double real(int64_t value) { return static_cast<double>(value); }

std::string line(std::string_view label, const std::string& text) {
  return fmt::format("{:<12}{}\n", label, text);
}

// ---- parameters and state

std::string describe_params(const ModelAnalysis& analysis) {
  const ParamCount& params = analysis.params;
  std::string text = line(
      "Parameters", fmt::format("{} ({}), {} without embeddings and output projection",
                                format_grouped(params.total()), format_count(real(params.total())),
                                format_count(real(params.non_embedding()))));
  if (params.ffn_inactive > 0)
    text += line("Active",
                 fmt::format("{} ({}) a token visits, {} of all", format_grouped(params.active()),
                             format_count(real(params.active())),
                             format_percent(real(params.active()) / real(params.total()))));
  if (params.mtp > 0)
    text += line("Apart", fmt::format("{} ({}) for multi-token prediction, not in the total",
                                      format_grouped(params.mtp), format_count(real(params.mtp))));
  if (const std::string part = untrainable_part(analysis.shape); !part.empty())
    text += line("Trainer", "does not run it: it has " + part);
  return text;
}

std::string state_note(Precision precision) {
  const bool has_copy = precision == Precision::bf16 || precision == Precision::fp16;
  return fmt::format(
      "weights: fp32{}; gradients: fp32; AdamW: two fp32 moments; Muon: one for "
      "hidden matrices, AdamW's two for the rest",
      has_copy ? " and a copy in " + to_string(precision) : "");
}

Table component_table(const ModelAnalysis& analysis) {
  const bool has_experts = analysis.params.ffn_inactive > 0;
  Table table{"components", "Parameters and their memory, not sharded"};
  table.notes = {state_note(analysis.precision)};
  table.columns = {{"component", "component"},
                   {"n_params", "parameters", "", CellStyle::grouped},
                   {"share_percent", "share", "%", CellStyle::fixed, 1}};
  if (has_experts) table.columns.push_back({"n_active", "active", "", CellStyle::grouped});
  for (const char* const name : {"weights", "gradients", "AdamW", "Muon"})
    table.columns.push_back({name, name, "", CellStyle::bytes});
  const auto add = [&](const ModelComponent& part) {
    std::vector<Cell> row = {part.name, part.n_params,
                             100 * real(part.n_params) / real(analysis.total.n_params)};
    if (has_experts) row.emplace_back(part.n_active);
    for (const int64_t bytes :
         {part.state.weights, part.state.gradients, part.state.adamw, part.state.muon})
      row.emplace_back(bytes);
    table.rows.push_back(std::move(row));
  };
  for (const ModelComponent& part : analysis.components) add(part);
  add(analysis.total);
  return table;
}

std::string describe_state(const ModelAnalysis& analysis) {
  const StateBytes& state = analysis.total.state;
  const auto each = [&](std::string_view optimizer, int64_t bytes) {
    const int64_t sum = state.weights + state.gradients + bytes;
    return fmt::format("{} with {} ({:.3g} bytes a parameter)", format_bytes(sum), optimizer,
                       real(sum) / real(analysis.total.n_params));
  };
  return line("State", each("AdamW", state.adamw) + ", " + each("Muon", state.muon));
}

// ---- FLOPs

struct FlopsRow {
  const char* key;
  const char* name;
  double FlopsPerToken::*value;
};

/// What counts; `other` stands apart.
constexpr std::array kFlopsRows = {
    FlopsRow{"qkv_projection", "queries, keys, values", &FlopsPerToken::qkv_projection},
    FlopsRow{"attention_scores", "attention scores", &FlopsPerToken::attention_scores},
    FlopsRow{"attention_output", "attention output", &FlopsPerToken::output_projection},
    FlopsRow{"ffn", "FFN", &FlopsPerToken::ffn},
    FlopsRow{"router", "router", &FlopsPerToken::router},
    FlopsRow{"lm_head", "output projection", &FlopsPerToken::lm_head}};

std::vector<std::string> flops_notes() {
  return {
      "causal: scores and values of the past only, the work done; full: of the whole square, as "
      "most published tables",
      "training: 3 x forward, recomputation not counted; other: norms, RoPE, softmax, activations, "
      "not in the total"};
}

Table flops_table(const SequenceAnalysis& sequence) {
  const double all = sequence.causal.matmul();
  const FlopsUnit unit = unit_for(all);
  Table table{"flops",
              fmt::format("FLOPs a token in sequences of {}, {}", sequence.seq_len, unit.name)};
  table.columns = {{"component", "component"}};
  for (const char* const name :
       {"forward, causal", "forward, full", "training, causal", "training, full"})
    table.columns.push_back({name, name, "", CellStyle::fixed, 3});
  table.columns.push_back({"share_percent", "share", "%", CellStyle::fixed, 1});
  const auto add = [&](const char* name, double causal, double full, Cell share) {
    table.rows.push_back({std::string(name), causal / unit.size, full / unit.size,
                          3 * causal / unit.size, 3 * full / unit.size, std::move(share)});
  };
  for (const FlopsRow& row : kFlopsRows) {
    const double causal = sequence.causal.*row.value;
    if (causal > 0) add(row.name, causal, sequence.full_square.*row.value, 100 * causal / all);
  }
  add("total", all, sequence.full_square.matmul(), 100.0);
  add("other", sequence.causal.other, sequence.full_square.other, {});
  return table;
}

Table sequence_table(const ModelAnalysis& analysis) {
  const bool trainable = untrainable_part(analysis.shape).empty();
  Table table{"sequences", "By sequence length"};
  table.notes = {
      "attention / FFN: forward FLOPs of projections, scores and values over the FFN's, "
      "causal",
      fmt::format("activations of one sequence in {} that wait for backward, by what is run "
                  "again{}; manual: all scores kept",
                  to_string(analysis.precision),
                  trainable ? "" : ", predicted for programs that run such models")};
  table.columns = {{"seq_len", "tokens", "", CellStyle::grouped},
                   {"forward", "forward a sequence", "TFLOP", CellStyle::fixed, 2},
                   {"training", "training a sequence", "TFLOP", CellStyle::fixed, 2},
                   {"ratio", "attention / FFN", "", CellStyle::fixed, 2}};
  for (const char* const name : {"keep all", "selective", "full", "keep all, manual"})
    table.columns.push_back({name, name, "", CellStyle::bytes});
  for (const SequenceAnalysis& sequence : analysis.sequences) {
    const double forward = sequence.causal.matmul() * real(sequence.seq_len) / 1e12;
    std::vector<Cell> row = {sequence.seq_len, forward, 3 * forward,
                             attention_over_ffn(sequence.causal)};
    const ActivationBytes& bytes = sequence.activations;
    for (const int64_t value :
         {bytes.keep_all, bytes.selective, bytes.full, bytes.manual_attention})
      row.emplace_back(value);
    table.rows.push_back(std::move(row));
  }
  return table;
}

// ---- formulas in circulation

/// What the formula should have given.
double right_value(FormulaCounts counts, const ModelAnalysis& analysis,
                   const SequenceAnalysis& sequence) {
  switch (counts) {
    case FormulaCounts::parameters:
      return real(analysis.total.n_params);
    case FormulaCounts::forward_flops:
      return sequence.causal.matmul();
    case FormulaCounts::training_flops:
      return 3 * sequence.causal.matmul();
  }
  return 0;
}

std::string describe_formula(const ModelAnalysis& analysis, FlopsFormula formula) {
  const FlopsFormulaRow& row = row_of(formula);
  std::string text =
      fmt::format("\nBy the formula '{}': {}\n  {}\n", row.name, row.formula, row.remark);
  for (const SequenceAnalysis& sequence : analysis.sequences) {
    const double value = formula_value(formula, analysis.shape, sequence.seq_len);
    const double right = right_value(row.counts, analysis, sequence);
    if (row.counts == FormulaCounts::parameters)
      return text + fmt::format("  {} parameters ({}); the model has {} ({})\n",
                                format_grouped(static_cast<int64_t>(value)), format_count(value),
                                format_grouped(static_cast<int64_t>(right)), format_count(right));
    const char* const pass = row.counts == FormulaCounts::forward_flops ? "forward" : "training";
    text += fmt::format("  {} tokens: {} a token, {} a sequence; {} is {} causal a token\n",
                        sequence.seq_len, format_flops(value),
                        format_flops(value * real(sequence.seq_len)), pass, format_flops(right));
  }
  return text;
}

// ---- JSON

void write_component(JsonWriter& json, const ModelComponent& part) {
  json.begin_object()
      .entry("component", part.key)
      .entry("n_params", part.n_params)
      .entry("n_active", part.n_active)
      .entry("weights_bytes", part.state.weights)
      .entry("gradients_bytes", part.state.gradients)
      .entry("adamw_bytes", part.state.adamw)
      .entry("muon_bytes", part.state.muon)
      .end_object();
}

void write_flops(JsonWriter& json, std::string_view key, const FlopsPerToken& forward) {
  json.key(key).begin_object();
  for (const FlopsRow& row : kFlopsRows)
    if (forward.*row.value > 0) json.entry(row.key, forward.*row.value);
  json.entry("total", forward.matmul())
      .entry("training_total", 3 * forward.matmul())
      .entry("other", forward.other)
      .end_object();
}

void write_formula(JsonWriter& json, FlopsFormula formula, const ModelAnalysis& analysis,
                   const SequenceAnalysis& sequence) {
  constexpr std::array kKeys = {"forward_flops_per_token", "training_flops_per_token", "n_params"};
  const FlopsFormulaRow& row = row_of(formula);
  json.key("formula")
      .begin_object()
      .entry("name", row.name)
      .entry("formula", row.formula)
      .entry("remark", row.remark)
      .entry(kKeys[static_cast<std::size_t>(row.counts)],
             formula_value(formula, analysis.shape, sequence.seq_len))
      .end_object();
}

void write_sequence(JsonWriter& json, const ModelAnalysis& analysis,
                    const SequenceAnalysis& sequence, std::optional<FlopsFormula> formula) {
  json.begin_object().entry("seq_len", sequence.seq_len);
  write_flops(json, "forward_flops_per_token_causal", sequence.causal);
  write_flops(json, "forward_flops_per_token_full_square", sequence.full_square);
  json.entry("attention_over_ffn", attention_over_ffn(sequence.causal));
  json.key("activation_bytes_per_sequence")
      .begin_object()
      .entry("keep_all", sequence.activations.keep_all)
      .entry("selective", sequence.activations.selective)
      .entry("full", sequence.activations.full)
      .entry("keep_all_manual_attention", sequence.activations.manual_attention)
      .end_object();
  if (formula) write_formula(json, *formula, analysis, sequence);
  json.end_object();
}

/// "d_ff 11008", "d_ff 18432 in 3 layers, 256 + 1 experts of 2048, 8 + 1 active".
std::string describe_ffn(const ModelShape& shape) {
  if (!shape.moe) return fmt::format("d_ff {}", shape.d_ff);
  const MoeShape& moe = *shape.moe;
  const int64_t n_dense = shape.n_layer - shape.n_moe_layer();
  const std::string dense =
      n_dense > 0 ? fmt::format("d_ff {} in {} layers, ", shape.d_ff, n_dense) : "";
  const std::string shared =
      moe.n_shared_expert > 0 ? fmt::format(" + {}", moe.n_shared_expert) : "";
  return fmt::format("{}{}{} experts of {}, {}{} active", dense, moe.n_routed_expert, shared,
                     moe.d_ff_expert, moe.n_active_expert, shared);
}

}  // namespace

std::string describe_model(const ModelShape& shape) {
  const std::string short_form = short_name(shape);
  const std::string name = shape.name.empty() || shape.name == short_form ? "" : shape.name + ": ";
  const std::string kv = shape.n_kv_head == shape.n_head
                             ? ""
                             : fmt::format(" ({} for keys and values)", shape.n_kv_head);
  return line("Model", name + short_form) +
         line("", fmt::format("{} layers, d_model {}, {} heads of {}{}, {}, vocabulary {}{}",
                              shape.n_layer, shape.d_model, shape.n_head, shape.d_head, kv,
                              describe_ffn(shape), shape.vocab_size,
                              shape.tied_embeddings ? ", tied" : ""));
}

std::string describe_analysis(const ModelAnalysis& analysis, std::optional<FlopsFormula> formula) {
  std::vector<Table> tables = {component_table(analysis)};
  for (const SequenceAnalysis& sequence : analysis.sequences)
    tables.push_back(flops_table(sequence));
  tables[1].notes = flops_notes();  // once is enough
  tables.push_back(sequence_table(analysis));
  return describe_model(analysis.shape) + describe_params(analysis) + describe_state(analysis) +
         "\n" + render_text(tables) + (formula ? describe_formula(analysis, *formula) : "");
}

std::string analysis_as_json(const ModelAnalysis& analysis, std::optional<FlopsFormula> formula) {
  const ParamCount& params = analysis.params;
  JsonWriter json;
  json.begin_object()
      .entry("name", analysis.shape.name)
      .entry("short_name", short_name(analysis.shape))
      .entry("precision", to_string(analysis.precision))
      .entry("n_params", params.total())
      .entry("n_params_active", params.active())
      .entry("n_params_non_embedding", params.non_embedding());
  if (params.mtp > 0) json.entry("n_params_mtp", params.mtp);
  if (const std::string part = untrainable_part(analysis.shape); !part.empty())
    json.entry("not_trainable_for", part);
  json.key("components").begin_array();
  for (const ModelComponent& part : analysis.components) write_component(json, part);
  json.end_array().key("total");
  write_component(json, analysis.total);
  json.key("sequences").begin_array();
  for (const SequenceAnalysis& sequence : analysis.sequences)
    write_sequence(json, analysis, sequence, formula);
  return json.end_array().end_object().text();
}

}  // namespace isoflop
