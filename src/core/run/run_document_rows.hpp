// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/json_writer.hpp"
#include "core/run/run_reader.hpp"

#include <functional>

namespace isoflop {

/// The rows of one start as the arrays of the JSON log have them; `json` is inside the array.
/// `after_row` is called behind each.
void write_iterations(JsonWriter& json, const RunFile& segment,
                      const std::function<void()>& after_row);
void write_evaluation(JsonWriter& json, const EvalRecord& eval);
void write_checkpoint(JsonWriter& json, const CheckpointRecord& checkpoint);
void write_event(JsonWriter& json, const RunEvent& event);

}  // namespace isoflop
