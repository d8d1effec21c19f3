// SPDX-License-Identifier: MIT
#include "planner/calibration.hpp"

#include "core/base/text_file.hpp"

namespace isoflop {

namespace {

double read_value(const ConfigNode& node) {
  const auto value = node.as<double>();
  if (value < 0) node.fail("must not be negative");
  return value;
}

/// {value, unit, origin} and, for constants that differ by kind, {of: {KIND: VALUE}}. The two texts
/// are for people but must be there.
ConstantByKind read_constant(const ConfigNode& node) {
  MapReader map(node);
  ConstantByKind constant;
  constant.otherwise = read_value(map.required_node("value"));
  if (const auto kinds = map.find_node("of"))
    for (const auto& [kind, value] : kinds->entries()) constant.of[kind] = read_value(value);
  for (const char* const text : {"unit", "origin"}) {
    if (map.required<std::string>(text).empty()) map.required_node(text).fail("must not be empty");
  }
  map.finish();
  return constant;
}

}  // namespace

Calibration read_calibration(const ConfigNode& root, const std::string& section) {
  MapReader sections(root);
  MapReader map(sections.required_node(section));
  const auto by_kind = [&map](const char* key) { return read_constant(map.required_node(key)); };
  const auto constant = [&](const char* key) { return by_kind(key).otherwise; };
  Calibration calibration;
  calibration.gemm_ceiling = by_kind("gemm_ceiling");
  calibration.gemm_sustained = by_kind("gemm_sustained");
  calibration.fp8_sustained = by_kind("fp8_sustained");
  calibration.power_exponent = constant("power_exponent");
  calibration.usual_power_w = by_kind("usual_power_w");
  calibration.gemm_half_depth = constant("gemm_half_depth");
  calibration.gemm_half_output = constant("gemm_half_output");
  calibration.gemm_speed_exponent = constant("gemm_speed_exponent");
  calibration.attention_forward = by_kind("attention_forward");
  calibration.attention_backward = by_kind("attention_backward");
  calibration.attention_half_length = constant("attention_half_length");
  calibration.score_products = constant("score_products");
  calibration.memory_bandwidth = constant("memory_bandwidth");
  calibration.launch_us = constant("launch_us");
  calibration.forward_launches = constant("forward_launches");
  calibration.backward_launches = constant("backward_launches");
  calibration.recompute_launches = constant("recompute_launches");
  calibration.tensor_launches = constant("tensor_launches");
  calibration.expert_launches = constant("expert_launches");
  calibration.intra_node_bandwidth = constant("intra_node_bandwidth");
  calibration.inter_node_bandwidth = constant("inter_node_bandwidth");
  calibration.overlap = constant("overlap");
  calibration.contention = constant("contention");
  calibration.tensor_overlap = constant("tensor_overlap");
  calibration.expert_exchange = constant("expert_exchange");
  calibration.expert_bytes = constant("expert_bytes");
  calibration.cast_bytes = constant("cast_bytes");
  calibration.optimizer_bytes = constant("optimizer_bytes");
  calibration.step_overhead_s = constant("step_overhead_s");
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
