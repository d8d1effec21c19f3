// SPDX-License-Identifier: MIT
#include "planner/fit/calibration_file.hpp"

#include "core/base/error.hpp"
#include "core/base/yaml_writer.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>

namespace isoflop {
namespace {

constexpr const char* kHeader =
    "SPDX-License-Identifier: MIT\n"
    "The constants of the planner's predictions that first principles leave open, by kind of "
    "device.\n"
    "  value      used as it is; of: values of kinds that differ (architectures; attention "
    "kernels, "
    "_later on Hopper and\n"
    "             Blackwell, whose new units they do not use)\n"
    "  origin     where it comes from, or why the prior is what it is; 'assumed': nothing "
    "published "
    "settles it\n"
    "  fit        planner calibrate may change it: what is expected before any run is seen, "
    "bounds, "
    "and the standard deviation\n"
    "             of ln(value / prior) that is expected\n"
    "  fitted_on  the runs that the value was fitted on; without it the value is as origin says";

struct PlainKey {
  const char* key;
  double Calibration::*member;
};
constexpr std::array kPlainKeys = {
    PlainKey{"power_exponent", &Calibration::power_exponent},
    PlainKey{"gemm_half_depth", &Calibration::gemm_half_depth},
    PlainKey{"gemm_half_output", &Calibration::gemm_half_output},
    PlainKey{"gemm_speed_exponent", &Calibration::gemm_speed_exponent},
    PlainKey{"attention_half_length", &Calibration::attention_half_length},
    PlainKey{"tiled_attention", &Calibration::tiled_attention},
    PlainKey{"score_products", &Calibration::score_products},
    PlainKey{"memory_bandwidth", &Calibration::memory_bandwidth},
    PlainKey{"unfused_elementwise", &Calibration::unfused_elementwise},
    PlainKey{"launch_us", &Calibration::launch_us},
    PlainKey{"forward_launches", &Calibration::forward_launches},
    PlainKey{"backward_launches", &Calibration::backward_launches},
    PlainKey{"recompute_launches", &Calibration::recompute_launches},
    PlainKey{"tensor_launches", &Calibration::tensor_launches},
    PlainKey{"expert_launches", &Calibration::expert_launches},
    PlainKey{"intra_node_bandwidth", &Calibration::intra_node_bandwidth},
    PlainKey{"inter_node_bandwidth", &Calibration::inter_node_bandwidth},
    PlainKey{"owner_call_us", &Calibration::owner_call_us},
    PlainKey{"overlap", &Calibration::overlap},
    PlainKey{"contention", &Calibration::contention},
    PlainKey{"tensor_overlap", &Calibration::tensor_overlap},
    PlainKey{"expert_exchange", &Calibration::expert_exchange},
    PlainKey{"expert_bytes", &Calibration::expert_bytes},
    PlainKey{"cast_bytes", &Calibration::cast_bytes},
    PlainKey{"optimizer_bytes", &Calibration::optimizer_bytes},
    PlainKey{"step_overhead_s", &Calibration::step_overhead_s},
    PlainKey{"bench_efficiency", &Calibration::bench_efficiency},
    PlainKey{"runtime_memory_gib", &Calibration::runtime_memory_gib},
    PlainKey{"fragmentation", &Calibration::fragmentation},
    PlainKey{"startup_s", &Calibration::startup_s},
    PlainKey{"prediction_margin", &Calibration::prediction_margin},
    PlainKey{"step_time_spread", &Calibration::step_time_spread},
};

struct KeyByKind {
  const char* key;
  ConstantByKind Calibration::*member;
};
constexpr std::array kKeysByKind = {
    KeyByKind{"gemm_ceiling", &Calibration::gemm_ceiling},
    KeyByKind{"gemm_sustained", &Calibration::gemm_sustained},
    KeyByKind{"fp8_sustained", &Calibration::fp8_sustained},
    KeyByKind{"usual_power_w", &Calibration::usual_power_w},
    KeyByKind{"attention_forward", &Calibration::attention_forward},
    KeyByKind{"attention_backward", &Calibration::attention_backward},
};

double read_value(const ConfigNode& node) {
  const auto value = node.as<double>();
  if (value < 0) node.fail("must not be negative");
  return value;
}

ConstantByKind read_by_kind(MapReader& map, const char* key) {
  ConstantByKind constant;
  constant.otherwise = read_value(map.required_node(key));
  if (const auto kinds = map.find_node("of"))
    for (const auto& [kind, value] : kinds->entries()) constant.of[kind] = read_value(value);
  return constant;
}

std::string read_text(MapReader& map, const char* key) {
  const auto text = map.required<std::string>(key);
  if (text.empty()) map.required_node(key).fail("must not be empty");
  return text;
}

FitRule read_rule(const ConfigNode& node) {
  MapReader map(node);
  FitRule rule;
  rule.prior = read_by_kind(map, "prior");
  rule.least = map.required_positive("least");
  rule.most = map.required_positive("most");
  rule.spread = map.required_positive("spread");
  map.finish();
  const auto check = [&](double prior) {
    if (prior < rule.least || prior > rule.most)
      map.required_node("prior").fail(
          fmt::format("must be from {:g} to {:g}, as least and most say", rule.least, rule.most));
  };
  check(rule.prior.otherwise);
  for (const auto& [kind, prior] : rule.prior.of) check(prior);
  return rule;
}

CalibrationConstant read_constant(const std::string& key, const ConfigNode& node) {
  MapReader map(node);
  CalibrationConstant constant;
  constant.key = key;
  constant.value = read_by_kind(map, "value");
  constant.unit = read_text(map, "unit");
  constant.origin = read_text(map, "origin");
  constant.fitted_on = map.value_or<std::string>("fitted_on", "");
  if (const auto rule = map.find_node("fit")) constant.fit = read_rule(*rule);
  map.finish();
  return constant;
}

CalibrationSection read_section(const std::string& name, const ConfigNode& node) {
  MapReader map(node);
  CalibrationSection section;
  section.name = name;
  // In the file's order, which is for people; all keys have to be there.
  for (const auto& [key, child] : node.entries()) {
    const bool known = std::any_of(kPlainKeys.begin(), kPlainKeys.end(),
                                   [&, k = key](const PlainKey& row) { return k == row.key; }) ||
                       std::any_of(kKeysByKind.begin(), kKeysByKind.end(),
                                   [&, k = key](const KeyByKind& row) { return k == row.key; });
    if (known) section.constants.push_back(read_constant(key, child));
  }
  for (const PlainKey& row : kPlainKeys) map.required_node(row.key);
  for (const KeyByKind& row : kKeysByKind) map.required_node(row.key);
  map.finish();
  return section;
}

const ConstantByKind& value_of(const CalibrationSection& section, const std::string& key) {
  const auto found =
      std::find_if(section.constants.begin(), section.constants.end(),
                   [&](const CalibrationConstant& constant) { return constant.key == key; });
  if (found == section.constants.end())
    throw ConfigError(
        fmt::format("constant '{}' of section '{}' is missing (predictions need it); "
                    "take it from data/calibration.yaml",
                    key, section.name));
  return found->value;
}

void write_kinds(YamlWriter& yaml, const ConstantByKind& constant) {
  if (constant.of.empty()) return;
  yaml.begin_map("of");
  for (const auto& [kind, value] : constant.of) yaml.entry(kind, value);
  yaml.end_map();
}

void write_rule(YamlWriter& yaml, const FitRule& rule) {
  yaml.begin_map("fit").entry("prior", rule.prior.otherwise);
  write_kinds(yaml, rule.prior);
  yaml.entry("least", rule.least).entry("most", rule.most).entry("spread", rule.spread).end_map();
}

void write_constant(YamlWriter& yaml, const CalibrationConstant& constant) {
  yaml.begin_map(constant.key).entry("value", constant.value.otherwise);
  write_kinds(yaml, constant.value);
  yaml.entry("unit", constant.unit).entry("origin", constant.origin);
  if (constant.fit) write_rule(yaml, *constant.fit);
  if (!constant.fitted_on.empty()) yaml.entry("fitted_on", constant.fitted_on);
  yaml.end_map();
}

}  // namespace

Calibration CalibrationSection::values() const {
  Calibration values;
  for (const PlainKey& row : kPlainKeys) values.*row.member = value_of(*this, row.key).otherwise;
  for (const KeyByKind& row : kKeysByKind) values.*row.member = value_of(*this, row.key);
  return values;
}

CalibrationFile CalibrationFile::load(const std::filesystem::path& path) {
  return CalibrationFile(ConfigNode::load(path));
}

CalibrationFile::CalibrationFile(const ConfigNode& root) {
  for (const auto& [name, node] : root.entries()) sections_.push_back(read_section(name, node));
}

const CalibrationSection& CalibrationFile::section(const std::string& name) const {
  std::vector<std::string> names;
  for (const CalibrationSection& section : sections_) {
    if (section.name == name) return section;
    names.push_back(section.name);
  }
  throw ConfigError(
      fmt::format("section '{}' of the calibration is missing (it has {}); take it "
                  "from data/calibration.yaml",
                  name, fmt::join(names, ", ")));
}

void CalibrationFile::replace(CalibrationSection section) {
  static_cast<void>(this->section(section.name));
  for (CalibrationSection& own : sections_)
    if (own.name == section.name) own = std::move(section);
}

std::string CalibrationFile::text() const {
  YamlWriter yaml;
  yaml.comment(kHeader);
  for (const CalibrationSection& section : sections_) {
    yaml.begin_map(section.name);
    for (const CalibrationConstant& constant : section.constants) write_constant(yaml, constant);
    yaml.end_map();
  }
  return yaml.text();
}

}  // namespace isoflop
