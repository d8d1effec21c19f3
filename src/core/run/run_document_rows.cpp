// SPDX-License-Identifier: MIT
#include "core/run/run_document_rows.hpp"

#include "core/run/iteration_fields.hpp"
#include "core/run/run_schema.hpp"

#include <cstddef>
#include <optional>

namespace isoflop {
namespace {

using iteration_fields::milliseconds;
using iteration_fields::RowsByStep;

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
    json.begin_object(JsonLines::one);
    iteration_fields::write_iteration(
        json, step, {gradients.find(step.step), layers.find(step.step), segment.header.unit_names},
        segment.header);
    json.end_object();
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
