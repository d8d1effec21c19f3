// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/format.hpp"
#include "core/run/run_reader.hpp"

#include <optional>
#include <span>
#include <string>
#include <vector>

/// What one iteration recorded, in the terms of the JSON log (RUN_SCHEMA.md): the same list for the
/// document and for CSV. `Out` has JsonWriter's key, begin_object, entry, null and end_object.
namespace isoflop::iteration_fields {

using MaybeFloat = std::optional<float>;

/// The float nearest to value x factor; absent as the value is.
inline MaybeFloat scaled(MaybeFloat value, double factor) {
  return value ? MaybeFloat(static_cast<float>(*value * factor)) : std::nullopt;
}
inline MaybeFloat milliseconds(MaybeFloat seconds) { return scaled(seconds, 1e3); }
inline MaybeFloat gigabytes(MaybeFloat gib) { return scaled(gib, kGiB / 1e9); }

/// What stands beside a step; null where it was not recorded.
struct StepCompanions {
  const GradientRecord* gradients = nullptr;
  const LayerNormRecord* layers = nullptr;
  std::span<const std::string> unit_names{};  ///< of `layers`
};

template <typename Out>
void write_phases(Out& out, const StepRecord& step) {
  out.key("phases_ms")
      .begin_object()
      .entry("data", milliseconds(step.data_s))
      .entry("forward", milliseconds(step.forward_s))
      .entry("backward", milliseconds(step.backward_s))
      .entry("optimizer", milliseconds(step.optimizer_s))
      .entry("exposed_communication", milliseconds(step.comm_s))
      .end_object();
}

template <typename Out>
void write_mfu(Out& out, const StepRecord& step, const RunHeader& header) {
  std::optional<double> peak_tflops = header.hardware.peak_flops;
  if (peak_tflops) *peak_tflops /= 1e12;
  out.key("mfu")
      .begin_object()
      .entry("mfu_percent", scaled(step.mfu, 100))
      .entry("achieved_tflops", step.tflops)
      .entry("hardware_peak_tflops", peak_tflops)
      .entry("tokens_per_sec", step.tokens_per_s)
      .entry("flops_per_token", header.flops.model_flops_per_token)
      .end_object();
}

template <typename Out>
void write_memory(Out& out, const StepRecord& step) {
  out.key("memory")
      .begin_object()
      .entry("allocated_gb", gigabytes(step.mem_allocated_gib))
      .entry("peak_gb", gigabytes(step.mem_peak_gib))
      .entry("reserved_gb", gigabytes(step.mem_reserved_gib))
      .end_object();
}

template <typename Out>
void write_layers(Out& out, const LayerNormRecord& norms, std::span<const std::string> names) {
  out.key("per_layer").begin_object();
  for (std::size_t unit = 0; unit < names.size(); ++unit)
    out.key(names[unit])
        .begin_object()
        .entry("grad_norm", norms.gradient[unit])
        .entry("param_norm", norms.parameter[unit])
        .entry("update_norm", norms.update[unit])
        .end_object();
  out.end_object();
}

template <typename Out>
void write_gradients(Out& out, const StepRecord& step, const StepCompanions& beside) {
  out.key("gradients").begin_object().entry("global_norm", step.grad_norm);
  out.entry("grad_mean", beside.gradients ? beside.gradients->mean : MaybeFloat());
  out.entry("grad_std", beside.gradients ? beside.gradients->std : MaybeFloat());
  if (beside.layers)
    write_layers(out, *beside.layers, beside.unit_names);
  else
    out.key("per_layer").null();
  out.end_object();
}

template <typename Out>
void write_iteration(Out& out, const StepRecord& step, const StepCompanions& beside,
                     const RunHeader& header) {
  const auto has = [&](StepFlag flag) { return (step.flags & flag) != 0; };
  out.entry("iter", step.step)
      .entry("time", step.time)
      .entry("tokens", step.tokens)
      .entry("loss", step.loss)
      .entry("lr", step.lr)
      .entry("time_ms", milliseconds(step.step_s));
  write_phases(out, step);
  write_mfu(out, step, header);
  write_memory(out, step);
  write_gradients(out, step, beside);
  out.entry("loss_scale", step.loss_scale)
      .entry("z_loss", step.z_loss)
      .entry("skipped", has(kStepSkipped))
      .entry("spike", has(kStepSpike))
      .entry("waited_for_checkpoint", has(kStepCheckpoint));
}

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

}  // namespace isoflop::iteration_fields
