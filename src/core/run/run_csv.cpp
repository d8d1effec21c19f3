// SPDX-License-Identifier: MIT
#include "core/run/run_csv.hpp"

#include "core/base/csv.hpp"
#include "core/run/iteration_fields.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <vector>

namespace isoflop {
namespace {

/// One line of CSV by JsonWriter's calls: the names of its columns or their values.
class CsvLine {
 public:
  enum class Part { names, values };
  explicit CsvLine(Part part) : part_(part) {}

  CsvLine& key(const std::string& name) {
    key_ = name;
    return *this;
  }
  CsvLine& begin_object() {
    ends_.push_back(prefix_.size());
    prefix_ += key_ + '.';
    return *this;
  }
  CsvLine& end_object() {
    prefix_.resize(ends_.back());
    ends_.pop_back();
    return *this;
  }
  /// A group that is not there has no columns.
  CsvLine& null() { return *this; }
  template <typename Value>
  CsvLine& entry(const std::string& name, const Value& value) {
    if (!text_.empty()) text_ += ',';
    text_ += part_ == Part::names ? csv_field(prefix_ + name) : field(value);
    return *this;
  }
  std::string line() const { return text_ + '\n'; }

 private:
  template <typename Number>
  static std::string field(Number number) {
    return std::isfinite(static_cast<double>(number)) ? fmt::format("{}", number) : std::string();
  }
  static std::string field(bool flag) { return flag ? "true" : "false"; }
  template <typename Value>
  static std::string field(const std::optional<Value>& value) {
    return value ? field(*value) : std::string();
  }

  Part part_;
  std::string key_;
  std::string prefix_;
  std::vector<std::size_t> ends_;
  std::string text_;
};

LayerNormRecord missing_norms(const RunHeader& header) {
  const std::vector<float> missing(header.unit_names.size(),
                                   std::numeric_limits<float>::quiet_NaN());
  return {0, missing, missing, missing};
}

/// The loss on each held-out set after one step; absent where there was no evaluation.
struct EvalLosses {
  std::optional<double> validation;
  std::optional<double> test;
};

using LossesByStep = std::map<int64_t, EvalLosses>;

LossesByStep eval_losses(const RunFile& segment) {
  LossesByStep losses;
  for (const EvalRecord& eval : segment.evals) {
    EvalLosses& at_step = losses[eval.step];
    (eval.set == EvalSet::validation ? at_step.validation : at_step.test) = eval.loss;
  }
  return losses;
}

std::string line(CsvLine::Part part, const StepRecord& step,
                 const iteration_fields::StepCompanions& beside, const RunHeader& header,
                 const EvalLosses& losses) {
  CsvLine out(part);
  iteration_fields::write_iteration(out, step, beside, header);
  out.entry("validation_loss", losses.validation).entry("test_loss", losses.test);
  return out.line();
}

/// Columns are those of `header`; `missing` stands in iterations without its norms.
void write_segment(const RunFile& segment, const RunHeader& header, const LayerNormRecord& missing,
                   const TextSink& sink) {
  iteration_fields::RowsByStep gradients(segment.gradients);
  iteration_fields::RowsByStep layers(segment.layer_norms);
  const bool same_units = segment.header.unit_names == header.unit_names;
  const LossesByStep losses = eval_losses(segment);
  for (const StepRecord& step : segment.steps) {
    const LayerNormRecord* const norms = same_units ? layers.find(step.step) : nullptr;
    const auto evaluated = losses.find(step.step);
    sink(line(CsvLine::Part::values, step,
              {gradients.find(step.step), norms ? norms : &missing, header.unit_names},
              segment.header, evaluated != losses.end() ? evaluated->second : EvalLosses()));
  }
}

}  // namespace

void write_run_csv(const TrainingRun& run, const TextSink& sink) {
  const RunHeader& header = run.last().header;
  const LayerNormRecord missing = missing_norms(header);
  sink(line(CsvLine::Part::names, {}, {nullptr, &missing, header.unit_names}, header, {}));
  for (const RunFile& segment : run.segments) write_segment(segment, header, missing, sink);
}

}  // namespace isoflop
