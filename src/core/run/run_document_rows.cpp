// SPDX-License-Identifier: MIT
#include "core/run/run_document_rows.hpp"

#include "core/base/format.hpp"
#include "core/run/run_schema.hpp"

#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <vector>

namespace isoflop {
namespace {

using MaybeFloat = std::optional<float>;

/// The float nearest to value x factor; absent as the value is.
MaybeFloat scaled(MaybeFloat value, double factor) {
  return value ? MaybeFloat(static_cast<float>(*value * factor)) : std::nullopt;
}
MaybeFloat milliseconds(MaybeFloat seconds) { return scaled(seconds, 1e3); }
MaybeFloat gigabytes(MaybeFloat gib) { return scaled(gib, kGiB / 1e9); }

/// Walks rows of ascending steps beside the steps of a run.
template <typename Record>
class RowsByStep {
 public:
  explicit RowsByStep(const std::vector<Record>& rows) : rows_(rows) {}
  /// The row of a step, not below those asked for before; null where there is none.
  const Record* find(int64_t step) {
    while (next_ < rows_.size() && rows_[next_].step < step) ++next_;
    return next_ < rows_.size() && rows_[next_].step == step ? &rows_[next_] : nullptr;
  }

 private:
  const std::vector<Record>& rows_;
  std::size_t next_ = 0;
};

void write_phases(JsonWriter& json, const StepRecord& step) {
  json.key("phases_ms")
      .begin_object()
      .entry("data", milliseconds(step.data_s))
      .entry("forward", milliseconds(step.forward_s))
      .entry("backward", milliseconds(step.backward_s))
      .entry("optimizer", milliseconds(step.optimizer_s))
      .entry("exposed_communication", milliseconds(step.comm_s))
      .end_object();
}

void write_mfu(JsonWriter& json, const StepRecord& step, const RunHeader& header) {
  std::optional<double> peak_tflops = header.hardware.peak_flops;
  if (peak_tflops) *peak_tflops /= 1e12;
  json.key("mfu")
      .begin_object()
      .entry("mfu_percent", scaled(step.mfu, 100))
      .entry("achieved_tflops", step.tflops)
      .entry("hardware_peak_tflops", peak_tflops)
      .entry("tokens_per_sec", step.tokens_per_s)
      .entry("flops_per_token", header.flops.model_flops_per_token)
      .end_object();
}

void write_memory(JsonWriter& json, const StepRecord& step) {
  json.key("memory")
      .begin_object()
      .entry("allocated_gb", gigabytes(step.mem_allocated_gib))
      .entry("peak_gb", gigabytes(step.mem_peak_gib))
      .entry("reserved_gb", gigabytes(step.mem_reserved_gib))
      .end_object();
}

void write_layers(JsonWriter& json, const LayerNormRecord& norms,
                  std::span<const std::string> names) {
  json.key("per_layer").begin_object();
  for (std::size_t unit = 0; unit < names.size(); ++unit)
    json.key(names[unit])
        .begin_object()
        .entry("grad_norm", norms.gradient[unit])
        .entry("param_norm", norms.parameter[unit])
        .entry("update_norm", norms.update[unit])
        .end_object();
  json.end_object();
}

void write_gradients(JsonWriter& json, const StepRecord& step, const GradientRecord* gradients,
                     const LayerNormRecord* layers, const RunHeader& header) {
  json.key("gradients").begin_object().entry("global_norm", step.grad_norm);
  json.entry("grad_mean", gradients ? gradients->mean : MaybeFloat());
  json.entry("grad_std", gradients ? gradients->std : MaybeFloat());
  if (layers)
    write_layers(json, *layers, header.unit_names);
  else
    json.key("per_layer").null();
  json.end_object();
}

bool has(const StepRecord& step, StepFlag flag) { return (step.flags & flag) != 0; }

template <std::size_t N>
std::optional<std::string_view> name_of(const std::array<run_schema::EnumMember, N>& members,
                                        int32_t value) {
  for (const run_schema::EnumMember& member : members)
    if (member.value == value) return member.name;
  return std::nullopt;
}

}  // namespace

void write_iterations(JsonWriter& json, const RunFile& segment,
                      const std::function<void()>& after_row) {
  RowsByStep gradients(segment.gradients);
  RowsByStep layers(segment.layer_norms);
  for (const StepRecord& step : segment.steps) {
    json.begin_object(JsonLines::one)
        .entry("iter", step.step)
        .entry("time", step.time)
        .entry("tokens", step.tokens)
        .entry("loss", step.loss)
        .entry("lr", step.lr)
        .entry("time_ms", milliseconds(step.step_s));
    write_phases(json, step);
    write_mfu(json, step, segment.header);
    write_memory(json, step);
    write_gradients(json, step, gradients.find(step.step), layers.find(step.step), segment.header);
    json.entry("loss_scale", step.loss_scale)
        .entry("z_loss", step.z_loss)
        .entry("skipped", has(step, kStepSkipped))
        .entry("spike", has(step, kStepSpike))
        .entry("waited_for_checkpoint", has(step, kStepCheckpoint))
        .end_object();
    after_row();
  }
}

void write_evaluation(JsonWriter& json, const EvalRecord& eval) {
  json.begin_object(JsonLines::one)
      .entry("iter", eval.step)
      .entry("time", eval.time)
      .entry("tokens", eval.tokens)
      .entry("set", name_of(run_schema::kEvalSets, static_cast<int32_t>(eval.set)))
      .entry("loss", eval.loss)
      .entry("evaluated_tokens", eval.n_tokens)
      .entry("time_ms", milliseconds(eval.seconds))
      .end_object();
}

void write_checkpoint(JsonWriter& json, const CheckpointRecord& checkpoint) {
  json.begin_object(JsonLines::one)
      .entry("iter", checkpoint.step)
      .entry("time", checkpoint.time)
      .entry("tokens", checkpoint.tokens)
      .entry("path", checkpoint.path)
      .entry("ok", checkpoint.ok)
      .entry("bytes", checkpoint.bytes)
      .entry("write_ms", milliseconds(checkpoint.write_s))
      .entry("stall_ms", milliseconds(checkpoint.stall_s))
      .end_object();
}

void write_event(JsonWriter& json, const RunEvent& event) {
  json.begin_object(JsonLines::one)
      .entry("iter", event.step)
      .entry("time", event.time)
      .entry("kind", name_of(run_schema::kEventKinds, static_cast<int32_t>(event.kind)))
      .entry("code", event.code)
      .entry("text", event.text)
      .end_object();
}

}  // namespace isoflop
