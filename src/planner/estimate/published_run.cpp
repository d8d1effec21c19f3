// SPDX-License-Identifier: MIT
#include "planner/estimate/published_run.hpp"

#include "core/base/error.hpp"
#include "core/base/letter_case.hpp"
#include "core/base/text_file.hpp"
#include "core/model/model_config.hpp"
#include "planner/cost/block_shape.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

namespace isoflop {
namespace {

/// Thrown inside this file only; becomes Unsupported.
struct CannotRead {
  std::string reason;
};

bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

/// The fields of one row by type.
class Fields {
 public:
  Fields(const CsvTable& table, std::size_t row) : table_(table), row_(row) {}

  std::string text(const char* column) const { return table_.find(row_, column).value_or(""); }

  std::optional<double> number(const char* column) const {
    const std::optional<std::string> field = table_.find(row_, column);
    if (!field) return std::nullopt;
    double value = 0;
    const auto [end, error] = std::from_chars(field->data(), field->data() + field->size(), value);
    if (error != std::errc{} || end != field->data() + field->size() || !std::isfinite(value))
      throw CannotRead{fmt::format("column {} is '{}' (not a number)", column, *field)};
    return value;
  }

  std::optional<int64_t> count(const char* column) const {
    const std::optional<double> value = number(column);
    if (!value) return std::nullopt;
    if (*value < 1 || *value > 1e12 || *value != std::floor(*value))
      throw CannotRead{
          fmt::format("column {} is '{:g}' (must be a whole number above 0)", column, *value)};
    return static_cast<int64_t>(*value);
  }
  int64_t required(const char* column) const {
    const std::optional<int64_t> value = count(column);
    if (!value) throw CannotRead{fmt::format("column {} is empty", column)};
    return *value;
  }
  int64_t count_or(const char* column, int64_t otherwise) const {
    return count(column).value_or(otherwise);
  }

 private:
  const CsvTable& table_;
  std::size_t row_;
};

/// A dense decoder; tables without a word on it are taken as untied.
ModelShape read_shape(const Fields& fields) {
  ModelShape shape;
  shape.name = fields.text("model");
  shape.n_layer = fields.required("n_layer");
  shape.d_model = fields.required("d_model");
  shape.n_head = fields.required("n_head");
  shape.n_kv_head = fields.count_or("n_kv_head", shape.n_head);
  shape.d_ff = fields.required("d_ff");
  shape.vocab_size = fields.required("vocab");
  shape.max_seq_len = fields.required("seq_len");
  shape.d_head = std::max<int64_t>(1, shape.d_model / shape.n_head);
  const bool gated = fields.text("ffn_type") != "standard";
  shape.ffn = gated ? FfnType::gated : FfnType::standard;
  shape.activation = gated ? Activation::silu : Activation::gelu_tanh;
  shape.norm = gated ? NormKind::rmsnorm : NormKind::layernorm;
  shape.tied_embeddings = has(fields.text("notes"), "tied embeddings");
  return shape;
}

Precision read_precision(const Fields& fields) {
  const std::string text = lower_case(fields.text("precision"));
  if (text.starts_with("fp8")) return Precision::fp8;
  if (const auto precision = parse_precision(text)) return *precision;
  throw CannotRead{fmt::format("column precision is '{}' (unknown)", text)};
}

Recompute read_recompute(const Fields& fields) {
  const std::string text = lower_case(fields.text("recompute"));
  for (const auto& [mode, name] : kRecomputeNames)
    if (text == name) return mode;
  if (text.empty()) return Recompute::none;
  throw CannotRead{fmt::format("column recompute is '{}' (none, selective or full)", text)};
}

/// Digits after the word, as in "zero1=8 (within node)".
std::optional<int64_t> digits_after(const std::string& text, const char* word) {
  const std::size_t at = text.find(word);
  if (at == std::string::npos) return std::nullopt;
  int64_t value = 0;
  const char* const begin = text.data() + at + std::string_view(word).size();
  const auto [end, error] = std::from_chars(begin, text.data() + text.size(), value);
  return error == std::errc{} && value > 0 ? std::optional(value) : std::nullopt;
}

/// What is sharded, over how many of `ranks`.
void read_sharding(ParallelLayout& layout, const std::string& text, int64_t devices_per_node) {
  const int64_t ranks = layout.data * layout.context;
  layout.shard = ranks;
  if (has(text, "hsdp")) {
    layout.strategy = ParallelStrategy::hsdp;
    layout.shard = std::gcd(ranks, devices_per_node);
  } else if (has(text, "grad_op") || text == "2" || has(text, "zero2")) {
    layout.strategy = ParallelStrategy::zero2;
  } else if (has(text, "fsdp") || text == "3" || has(text, "zero3")) {
    layout.strategy = ParallelStrategy::fsdp;
  } else if (has(text, "zero1") || has(text, "dist-opt") || text == "1") {
    layout.strategy = ParallelStrategy::zero1;
    layout.shard = std::gcd(ranks, digits_after(text, "zero1=").value_or(ranks));
  } else {
    layout.strategy = ParallelStrategy::ddp;
    layout.shard = 1;
  }
}

ParallelLayout read_layout(const Fields& fields, const ModelShape& shape, int64_t n_device) {
  ParallelLayout layout;
  layout.tensor = fields.count_or("tp", 1);
  layout.pipeline = fields.count_or("pp", 1);
  layout.virtual_pipeline = fields.count_or("vpp", 1);
  layout.context = fields.count_or("cp", 1);
  const int64_t model_ranks = layout.tensor * layout.pipeline * layout.context;
  if (n_device % model_ranks != 0)
    throw CannotRead{
        fmt::format("n_gpu {} is no multiple of tp x pp x cp = {}", n_device, model_ranks)};
  layout.data = n_device / model_ranks;
  layout.sequence_parallel = fields.text("sequence_parallel") == "yes";
  if (shape.moe)
    layout.expert = fields.count_or("ep", std::gcd(layout.data, shape.moe->n_routed_expert));
  layout.micro_batch = fields.count_or("micro_batch", 1);
  const int64_t per_micro_step = layout.data * layout.micro_batch;
  const int64_t batch = fields.count_or("global_batch", per_micro_step);
  layout.n_micro_batch = std::max<int64_t>(1, (batch + per_micro_step / 2) / per_micro_step);
  return layout;
}

/// What a row says about its program.
void adapt_stack(SoftwareStack& stack, const std::string& notes) {
  if (has(notes, "eager")) stack.fuses_elementwise = false;
  if (has(notes, "asynctp")) stack.overlaps_tensor_parallel = true;
}

/// Megatron's `--recompute-modules mlp`, or mlp and core_attn.
RecomputeShare recomputed_mlp(const ModelShape& shape, bool attention) {
  const AttentionWidths widths = attention_widths(shape);
  const auto d_model = static_cast<double>(shape.d_model);
  const double mlp = ffn_parameters(shape, static_cast<double>(shape.d_ff));
  const double first = mlp - d_model * static_cast<double>(shape.d_ff);
  return {.products = first / (first + d_model * (widths.qkv + widths.out)),
          .last_product = 1,
          .attention = attention ? 1.0 : 0.0,
          .elementwise = 0.5};
}

/// The batch of a data rank in as many micro batches as there are stages, if that divides it.
bool cut_by_stages(ParallelLayout& layout) {
  const int64_t samples = layout.micro_batch * layout.n_micro_batch;
  if (samples % layout.pipeline != 0) return false;
  layout.micro_batch = samples / layout.pipeline;
  layout.n_micro_batch = layout.pipeline;
  return true;
}

}  // namespace

RunReader::RunReader()
    : gpus_(GpuCatalog::load()), stacks_(StackCatalog::load()), experts_(load_expert_models()) {}

std::vector<RunReader::ExpertModel> RunReader::load_expert_models() {
  std::vector<ExpertModel> models;
  MapReader root(ConfigNode::load(data_dir() / "expert_models.yaml"));
  for (const auto& [match, node] : root.required_node("models").entries()) {
    MapReader map(node);
    ExpertModel model;
    model.match = match;
    model.moe = read_moe(map.required_node("moe"));
    if (const auto latent = map.find_node("mla")) model.mla = read_mla(*latent);
    model.d_head = map.find<int64_t>("d_head");
    model.d_ff = map.find<int64_t>("d_ff");
    map.required<std::string>("source");
    map.finish();
    models.push_back(std::move(model));
  }
  root.finish();
  return models;
}

void RunReader::add_experts(ModelShape& shape, const std::string& model) const {
  const auto found = std::find_if(experts_.begin(), experts_.end(), [&](const ExpertModel& expert) {
    return model.find(expert.match) != std::string::npos;
  });
  if (found == experts_.end()) return;
  shape.moe = found->moe;
  shape.mla = found->mla;
  if (found->d_head) shape.d_head = *found->d_head;
  if (found->mla) shape.d_head = found->mla->qk_nope_head_dim + found->mla->qk_rope_head_dim;
  if (found->d_ff) shape.d_ff = *found->d_ff;
}

SoftwareStack RunReader::choose_stack(const CsvTable& table, std::size_t row,
                                      Precision precision) const {
  const Fields fields(table, row);
  const std::string sharding = lower_case(fields.text("zero_stage_or_fsdp"));
  const std::string source = lower_case(fields.text("source") + " " + fields.text("url_or_path"));
  const SoftwareStack* const matched = stacks_.match(source);
  if (matched != nullptr) {
    const bool sharded = sharding == "3";
    if (matched->name == "megatron_2021" && sharded) return stacks_.find("deepspeed_zero3_2021");
    return *matched;
  }
  const bool fully_sharded = has(sharding, "fsdp") || has(sharding, "hsdp") || has(sharding, "3");
  if (fully_sharded) return stacks_.find("pytorch");
  const bool recomputes = fields.text("recompute") == "full";
  const bool before_flash = precision == Precision::fp16 && recomputes;
  return stacks_.find(before_flash ? "megatron_early" : "nemo");
}

DeviceSpec RunReader::find_device(const std::string& gpu, std::optional<double> mem_gb) const {
  if (mem_gb) {
    try {
      return gpus_.find(std::string_view(fmt::format("{} {:g}GB", gpu, *mem_gb))).spec;
    } catch (const ConfigError&) {  // the name alone may do
    }
  }
  try {
    return gpus_.find(std::string_view(gpu)).spec;
  } catch (const ConfigError& error) {
    throw CannotRead{error.what()};
  }
}

std::variant<PublishedRun, Unsupported> RunReader::read(const CsvTable& table,
                                                        std::size_t row) const try {
  const Fields fields(table, row);
  PublishedRun run;
  run.id = fields.text("id");
  run.source = fields.text("source");
  run.shape = read_shape(fields);
  add_experts(run.shape, lower_case(run.shape.name));
  if (const auto problem = find_problem(run.shape))
    throw CannotRead{fmt::format("{} is {} ({})", problem->field, problem->value, problem->reason)};
  run.seq_len = run.shape.max_seq_len;
  run.precision = read_precision(fields);
  run.device = find_device(fields.text("gpu"), fields.number("gpu_mem_gb"));
  if (!run.device.peak_dense_tflops(run.precision))
    throw CannotRead{fmt::format("{} has no {}", run.device.name, to_string(run.precision))};
  run.n_device = fields.required("n_gpu");
  run.devices_per_node = fields.count_or("gpus_per_node", 8);
  run.stack = choose_stack(table, row, run.precision);
  const std::string notes = lower_case(fields.text("notes"));
  adapt_stack(run.stack, notes);
  run.layout = read_layout(fields, run.shape, run.n_device);
  run.knows_micro_batch = fields.count("micro_batch").has_value();
  if (has(notes, "interleaved") && !fields.count("vpp")) run.layout.virtual_pipeline = 2;
  if (!run.knows_micro_batch && run.stack.cuts_batch_by_stages && run.layout.pipeline > 1)
    run.knows_micro_batch = cut_by_stages(run.layout);
  read_sharding(run.layout, lower_case(fields.text("zero_stage_or_fsdp")), run.devices_per_node);
  run.layout.recompute = recompute_share(read_recompute(fields), run.stack.selective);
  if (has(notes, "mlp recompute") || has(notes, "mlp+core_attn"))
    run.layout.recompute = recomputed_mlp(run.shape, has(notes, "core_attn"));
  return run;
} catch (const CannotRead& problem) {
  return Unsupported{problem.reason};
}

}  // namespace isoflop
