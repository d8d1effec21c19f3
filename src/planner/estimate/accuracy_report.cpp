// SPDX-License-Identifier: MIT
#include "planner/estimate/accuracy_report.hpp"

#include <optional>

namespace isoflop {
namespace {

Cell percent(const std::optional<double>& fraction) {
  return fraction ? Cell(100 * *fraction) : Cell();
}

double predicted_share(const SourceAccuracy& source) {
  return static_cast<double>(source.predicted) / static_cast<double>(source.rows);
}

std::optional<double> memory_error(const SourceAccuracy& source) {
  return source.memory_rows > 0 ? std::optional(source.memory_error) : std::nullopt;
}

}  // namespace

Table accuracy_table(std::span<const SourceAccuracy> sources, const std::string& title) {
  Table table{"accuracy", title};
  table.notes = {
      "errors: mean of |predicted / measured - 1| over rows that state layout and batch; one that "
      "is not predicted counts 100",
      "one factor: step time after division by the factor of three rows of the source",
      "ranks: Spearman's correlation of layouts of a model, where four or more were measured; "
      "regret: what the best predicted one loses",
      "twice: rows whose layout is in the table again, and by how much the times differ"};
  table.columns = {{"source", "source"},
                   {"rows", "rows", "", CellStyle::integer},
                   {"predicted_percent", "predicted", "%", CellStyle::fixed, 0},
                   {"step_time_percent", "step time", "%", CellStyle::fixed, 1},
                   {"one_factor_percent", "one factor", "%", CellStyle::fixed, 1},
                   {"memory_percent", "memory", "%", CellStyle::fixed, 1},
                   {"rank_correlation", "ranks", "", CellStyle::fixed, 2},
                   {"regret_percent", "regret", "%", CellStyle::fixed, 1},
                   {"repeated_rows", "twice", "", CellStyle::integer},
                   {"repeats_differ_percent", "differ", "%", CellStyle::fixed, 1}};
  for (const SourceAccuracy& source : sources)
    table.rows.push_back(
        {source.source, static_cast<int64_t>(source.rows), 100 * predicted_share(source),
         percent(source.mean_error), percent(source.factored_error), percent(memory_error(source)),
         to_cell(source.rank_correlation), percent(source.regret),
         static_cast<int64_t>(source.repeated_rows), percent(source.repeats_differ)});
  return table;
}

void write_accuracy(JsonWriter& json, std::span<const SourceAccuracy> sources) {
  json.begin_array();
  for (const SourceAccuracy& source : sources) {
    json.begin_object()
        .entry("source", source.source)
        .entry("rows", static_cast<int64_t>(source.rows))
        .entry("predicted", static_cast<int64_t>(source.predicted))
        .entry("mean_error", source.mean_error)
        .entry("bias", source.bias)
        .entry("factored_error", source.factored_error);
    if (source.rank_correlation) json.entry("rank_correlation", *source.rank_correlation);
    if (source.regret) json.entry("regret", *source.regret);
    if (const auto memory = memory_error(source)) json.entry("memory_error", *memory);
    json.entry("repeated_rows", static_cast<int64_t>(source.repeated_rows));
    if (source.repeats_differ) json.entry("repeats_differ", *source.repeats_differ);
    json.end_object();
  }
  json.end_array();
}

}  // namespace isoflop
