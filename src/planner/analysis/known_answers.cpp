// SPDX-License-Identifier: MIT
#include "planner/analysis/known_answers.hpp"

#include "core/base/format.hpp"
#include "core/base/json_writer.hpp"
#include "core/base/table/render.hpp"
#include "core/model/model_config.hpp"
#include "core/scaling/optimum.hpp"
#include "planner/analysis/known_quantities.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace isoflop {
namespace {

double read_within(MapReader& map) {
  const std::optional<ConfigNode> node = map.find_node("within");
  if (!node) return 0;
  const double within = node->as<double>();
  if (within < 0) node->fail("must not be negative");
  return within;
}

KnownAnswer read_answer(const ConfigNode& node, const ReferenceData& data) {
  MapReader map(node);
  KnownAnswer answer;
  answer.what = map.required<std::string>("what");
  answer.expected = map.required<double>("expected");
  answer.within = read_within(map);
  answer.source = map.required<std::string>("source");
  answer.computed = compute_quantity(map.required_node("quantity"), map, data);
  if ((answer.expected_verdict = map.find<std::string>("verdict")))
    answer.computed_verdict = to_string(size_verdict(answer.computed));
  map.finish();
  return answer;
}

WrongFigure read_wrong_figure(const ConfigNode& node, const ReferenceData& data) {
  MapReader map(node);
  WrongFigure figure;
  figure.what = map.required<std::string>("what");
  figure.claimed = map.required<double>("claimed");
  figure.within = read_within(map);
  figure.why = map.required<std::string>("why");
  if (const auto quantity = map.find_node("quantity")) {
    figure.computed = compute_quantity(*quantity, map, data);
  } else {
    figure.right = map.required<std::string>("right");
  }
  map.finish();
  return figure;
}

ReferenceData read_reference_data(MapReader& document) {
  ReferenceData data = {{}, LawCatalog::load(), GpuCatalog::load()};
  if (const auto models = document.find_node("models")) {
    for (const auto& [name, node] : models->entries()) data.models[name] = read_model(node);
  }
  return data;
}

/// Six digits; from a million on to the unit.
std::string number(double value) {
  if (std::fabs(value) >= 1e6 && std::fabs(value) < 1e15)
    return format_grouped(static_cast<int64_t>(std::llround(value)));
  return fmt::format("{:.6g}", value);
}

std::string difference(double expected, double computed) {
  if (computed == expected) return "0";
  return expected == 0 ? fmt::format("{:+.2g}", computed)
                       : fmt::format("{:+.2g} %", 100 * (computed / expected - 1));
}

std::string with_verdict(double value, const std::optional<std::string>& verdict) {
  return verdict ? fmt::format("{}, {}", number(value), *verdict) : number(value);
}

Table answer_table(const Validation& validation) {
  Table table{"answers", "Known answers"};
  table.columns = {{"what", "what"},         {"expected", "expected"},
                   {"computed", "computed"}, {"difference", "difference"},
                   {"result", ""},           {"source", "source"}};
  for (const KnownAnswer& answer : validation.answers)
    table.rows.push_back({answer.what, with_verdict(answer.expected, answer.expected_verdict),
                          with_verdict(answer.computed, answer.computed_verdict),
                          difference(answer.expected, answer.computed),
                          answer.passes() ? "PASS" : "FAIL", answer.source});
  return table;
}

Table wrong_table(const Validation& validation) {
  Table table{"wrong_figures", "Figures in circulation that are wrong"};
  table.notes = {"refuted: what is computed here differs; listed: not computed by this command"};
  table.columns = {
      {"what", "what"}, {"claimed", "claimed"}, {"right", "right"}, {"result", ""}, {"why", "why"}};
  for (const WrongFigure& figure : validation.wrong_figures) {
    const std::string result = !figure.computed ? "listed" : (figure.passes() ? "refuted" : "FAIL");
    table.rows.push_back({figure.what, number(figure.claimed),
                          figure.computed ? number(*figure.computed) : *figure.right, result,
                          figure.why});
  }
  return table;
}

void write_answer(JsonWriter& json, const KnownAnswer& answer) {
  json.begin_object().entry("what", answer.what).entry("expected", answer.expected);
  json.entry("computed", answer.computed).entry("within", answer.within);
  if (answer.expected_verdict) {
    json.entry("expected_verdict", *answer.expected_verdict);
    json.entry("computed_verdict", *answer.computed_verdict);
  }
  json.entry("passes", answer.passes()).entry("source", answer.source).end_object();
}

void write_wrong_figure(JsonWriter& json, const WrongFigure& figure) {
  json.begin_object().entry("what", figure.what).entry("claimed", figure.claimed);
  if (figure.computed) json.entry("computed", *figure.computed).entry("refuted", figure.passes());
  if (figure.right) json.entry("right", *figure.right);
  json.entry("why", figure.why).end_object();
}

}  // namespace

bool KnownAnswer::passes() const {
  return std::fabs(computed - expected) <= within && computed_verdict == expected_verdict;
}

bool WrongFigure::passes() const { return !computed || std::fabs(*computed - claimed) > within; }

int Validation::failures() const {
  const auto failed = [](const auto& entry) { return !entry.passes(); };
  return static_cast<int>(std::count_if(answers.begin(), answers.end(), failed) +
                          std::count_if(wrong_figures.begin(), wrong_figures.end(), failed));
}

Validation validate(const ConfigNode& root) {
  MapReader document(root);
  const ReferenceData data = read_reference_data(document);
  Validation validation;
  for (const ConfigNode& node : document.required_node("answers").items())
    validation.answers.push_back(read_answer(node, data));
  if (const auto figures = document.find_node("wrong_figures")) {
    for (const ConfigNode& node : figures->items())
      validation.wrong_figures.push_back(read_wrong_figure(node, data));
  }
  document.finish();
  return validation;
}

std::string describe_validation(const Validation& validation) {
  const std::array tables = {answer_table(validation), wrong_table(validation)};
  const std::size_t n_tables = validation.wrong_figures.empty() ? 1 : 2;
  const int failures = validation.failures();
  return render_text(std::span(tables).first(n_tables)) +
         fmt::format("\n{} checked, {} fail\n",
                     validation.answers.size() + validation.wrong_figures.size(), failures);
}

std::string validation_as_json(const Validation& validation) {
  JsonWriter json;
  json.begin_object().entry("failures", validation.failures()).key("answers").begin_array();
  for (const KnownAnswer& answer : validation.answers) write_answer(json, answer);
  json.end_array().key("wrong_figures").begin_array();
  for (const WrongFigure& figure : validation.wrong_figures) write_wrong_figure(json, figure);
  return json.end_array().end_object().text();
}

}  // namespace isoflop
