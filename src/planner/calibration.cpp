// SPDX-License-Identifier: MIT
#include "planner/calibration.hpp"

#include "core/base/text_file.hpp"

namespace isoflop {

namespace {

/// {value, unit, origin}; the two texts are for people but must be there.
double read_constant(const ConfigNode& node) {
  MapReader map(node);
  const double value = map.required<double>("value");
  for (const char* const text : {"unit", "origin"}) {
    if (map.required<std::string>(text).empty()) map.required_node(text).fail("must not be empty");
  }
  if (value < 0) map.required_node("value").fail("must not be negative");
  map.finish();
  return value;
}

std::map<std::string, double> read_constants(const ConfigNode& node) {
  std::map<std::string, double> values;
  for (const auto& [name, constant] : node.entries()) values[name] = read_constant(constant);
  return values;
}

}  // namespace

double Calibration::sustained(const DeviceSpec& device) const {
  const auto found = gemm_sustained_by_architecture.find(device.architecture);
  return found == gemm_sustained_by_architecture.end() ? gemm_sustained : found->second;
}

Calibration read_calibration(const ConfigNode& root, const std::string& section) {
  MapReader sections(root);
  MapReader map(sections.required_node(section));
  const auto constant = [&map](const char* key) { return read_constant(map.required_node(key)); };
  Calibration calibration;
  calibration.gemm_ceiling = constant("gemm_ceiling");
  calibration.gemm_sustained = constant("gemm_sustained");
  calibration.gemm_sustained_by_architecture =
      read_constants(map.required_node("gemm_sustained_by_architecture"));
  calibration.gemm_half_depth = constant("gemm_half_depth");
  calibration.gemm_half_output = constant("gemm_half_output");
  calibration.attention_forward = constant("attention_forward");
  calibration.attention_backward = constant("attention_backward");
  calibration.memory_bandwidth = constant("memory_bandwidth");
  calibration.launch_us = constant("launch_us");
  calibration.intra_node_bandwidth = constant("intra_node_bandwidth");
  calibration.inter_node_bandwidth = constant("inter_node_bandwidth");
  calibration.overlap = constant("overlap");
  calibration.runtime_memory_gib = constant("runtime_memory_gib");
  calibration.fragmentation = constant("fragmentation");
  calibration.startup_s = constant("startup_s");
  calibration.prediction_margin = constant("prediction_margin");
  map.finish();
  return calibration;
}

Calibration load_calibration(const DeviceSpec& device) {
  return read_calibration(ConfigNode::load(data_dir() / "calibration.yaml"),
                          to_string(device.kind));
}

}  // namespace isoflop
