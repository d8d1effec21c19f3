// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/json_writer.hpp"
#include "core/base/table/table.hpp"
#include "planner/estimate/accuracy.hpp"

#include <span>
#include <string>

namespace isoflop {

/// Errors by source as a table.
Table accuracy_table(std::span<const SourceAccuracy> sources, const std::string& title);

/// The same as the value of a key that was begun: an array of objects.
void write_accuracy(JsonWriter& json, std::span<const SourceAccuracy> sources);

}  // namespace isoflop
