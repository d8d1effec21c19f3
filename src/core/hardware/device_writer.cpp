// SPDX-License-Identifier: MIT
#include "core/hardware/device_writer.hpp"

#include "core/base/yaml_writer.hpp"

namespace isoflop {
namespace {

void write_by_precision(YamlWriter& yaml, const std::string& key,
                        const std::map<Precision, double>& values) {
  if (values.empty()) return;
  yaml.begin_map(key);
  for (const auto& [precision, value] : values) yaml.entry(to_string(precision), value);
  yaml.end_map();
}

void write_text(YamlWriter& yaml, const std::string& key, const std::string& text) {
  if (!text.empty()) yaml.entry(key, text);
}

template <typename T>
void write_optional(YamlWriter& yaml, const std::string& key, const std::optional<T>& value) {
  if (value) yaml.entry(key, *value);
}

void write_train_efficiency(YamlWriter& yaml, const std::vector<TrainEfficiency>& rows) {
  if (rows.empty()) return;
  yaml.begin_list("train_efficiency");
  for (const TrainEfficiency& row : rows) {
    yaml.begin_item();
    yaml.entry("precision", to_string(row.precision));
    yaml.entry("d_model", row.d_model);
    yaml.entry("n_layer", row.n_layer);
    yaml.entry("seq_len", row.seq_len);
    yaml.entry("mfu", row.mfu);
    yaml.end_map();
  }
  yaml.end_list();
}

void write_keys(YamlWriter& yaml, const DeviceSpec& device) {
  yaml.entry("kind", to_string(device.kind));
  write_text(yaml, "form", device.form);
  write_text(yaml, "architecture", device.architecture);
  write_text(yaml, "compute_capability", device.compute_capability);
  yaml.entry("mem_gb", device.mem_gb);
  write_optional(yaml, "visible_mem_mib", device.visible_mem_mib);
  yaml.entry("mem_bandwidth_gb_per_s", device.mem_bandwidth_gb_per_s);
  write_by_precision(yaml, "peak_tflops", device.peak_tflops);
  write_by_precision(yaml, "sparse_tflops", device.sparse_tflops);
  write_by_precision(yaml, "measured_tflops", device.measured_tflops);
  write_train_efficiency(yaml, device.train_efficiency);
  write_optional(yaml, "scaleup_bidir_gb_per_s", device.scaleup_bidir_gb_per_s);
  write_optional(yaml, "scaleup_domain", device.scaleup_domain);
  write_optional(yaml, "pcie_generation", device.pcie_generation);
  write_optional(yaml, "tdp_w", device.tdp_w);
  yaml.entry("source", device.source);
  write_text(yaml, "certainty", device.certainty);
  write_text(yaml, "note", device.note);
}

}  // namespace

std::string device_document(const DeviceSpec& device) {
  YamlWriter yaml;
  yaml.begin_map("devices").begin_map(device.name);
  write_keys(yaml, device);
  yaml.end_map().end_map();
  return yaml.text();
}

}  // namespace isoflop
