// SPDX-License-Identifier: MIT
#include "core/hardware/device_reader.hpp"

#include "core/base/suggest.hpp"
#include "core/hardware/gpu_catalog.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace isoflop {
namespace {

constexpr std::array kCertainties = {"confirmed", "partly confirmed", "conflicting", "unconfirmed"};

/// Positive values by precision, laid over those already there.
void read_by_precision(MapReader& map, const std::string& key,
                       std::map<Precision, double>& values) {
  const std::optional<ConfigNode> node = map.find_node(key);
  if (!node) return;
  for (const auto& [name, value] : node->entries()) {
    const std::optional<Precision> precision = parse_precision(name);
    if (!precision)
      value.fail(
          fmt::format("'{}' is not a precision{}", name, did_you_mean(name, precision_names())),
          "use fp32, tf32, bf16, fp16, fp8 or fp4");
    const double number = value.as<double>();
    if (number <= 0) value.fail("must be above zero", "leave out a precision the device lacks");
    values[*precision] = number;
  }
}

template <typename T>
void read_over(MapReader& map, const std::string& key, T& value) {
  if (const std::optional<T> found = map.find<T>(key)) value = *found;
}

void read_positive_over(MapReader& map, const std::string& key, double& value) {
  if (value > 0) {
    value = map.find_positive(key).value_or(value);
  } else {
    value = map.required_positive(key);
  }
}

template <typename T>
void read_count_over(MapReader& map, const std::string& key, std::optional<T>& value) {
  if (map.find_node(key)) value = static_cast<T>(map.required_at_least(key, 1));
}

void read_certainty(MapReader& map, std::string& certainty) {
  const std::optional<ConfigNode> node = map.find_node("certainty");
  if (!node) return;
  certainty = node->as<std::string>();
  if (std::find(kCertainties.begin(), kCertainties.end(), certainty) == kCertainties.end())
    node->fail("must be confirmed, partly confirmed, conflicting or unconfirmed");
}

/// Each measured or efficiency figure needs a peak, and may not exceed it.
void check_against_peaks(const DeviceSpec& device, const ConfigNode& node) {
  if (device.peak_tflops.empty())
    node.fail("peak_tflops is empty", "give the dense peak of at least one precision");
  for (const auto& [precision, measured] : device.measured_tflops) {
    const std::optional<double> peak = device.peak_dense_tflops(precision);
    if (!peak || measured > *peak * 1.001)
      node.fail(fmt::format("measured_tflops.{} is {:g}, above the dense peak",
                            to_string(precision), measured),
                "correct one of the two");
  }
}

/// One row of train_efficiency. Its precision is fp32 when left out.
TrainEfficiency read_train_efficiency_row(const ConfigNode& node, const DeviceSpec& device) {
  MapReader map(node);
  TrainEfficiency row;
  if (const std::optional<ConfigNode> precision = map.find_node("precision")) {
    const std::optional<Precision> known = parse_precision(precision->as<std::string>());
    if (!known) precision->fail("is not a precision");
    row.precision = *known;
  }
  row.d_model = map.required_at_least("d_model", 1);
  row.n_layer = map.required_at_least("n_layer", 1);
  row.seq_len = map.required_at_least("seq_len", 1);
  row.mfu = map.required_positive("mfu");
  if (row.mfu > 1) map.required_node("mfu").fail("must be a fraction of the peak, at most 1");
  if (!device.peak_dense_tflops(row.precision))
    node.fail(fmt::format("is a fraction of an unknown {} peak", to_string(row.precision)),
              "give peak_tflops for that precision");
  map.finish();
  return row;
}

/// Replaces the rows of the base: efficiencies of another device say nothing about this one.
void read_train_efficiency(MapReader& map, DeviceSpec& device) {
  device.train_efficiency.clear();
  const std::optional<ConfigNode> rows = map.find_node("train_efficiency");
  if (!rows) return;
  for (const ConfigNode& row : rows->items())
    device.train_efficiency.push_back(read_train_efficiency_row(row, device));
}

DeviceClass read_kind(MapReader& map) {
  const ConfigNode node = map.required_node("kind");
  const std::string word = node.as<std::string>();
  if (word != "gpu" && word != "cpu") node.fail("must be gpu or cpu");
  return word == "gpu" ? DeviceClass::gpu : DeviceClass::cpu;
}

/// The catalogue GPU whose sparse figure is `tflops`, when no GPU has it as a dense peak.
const DeviceSpec* find_sparse_lookalike(const GpuCatalog& catalog, Precision precision,
                                        double tflops) {
  const auto matches = [&](const TflopsByPrecision& figures) {
    const auto found = figures.find(precision);
    return found != figures.end() && std::fabs(found->second / tflops - 1) < 0.002;
  };
  const DeviceSpec* lookalike = nullptr;
  for (const DeviceSpec& gpu : catalog.gpus()) {
    if (matches(gpu.peak_tflops)) return nullptr;
    if (!lookalike && matches(gpu.sparse_tflops)) lookalike = &gpu;
  }
  return lookalike;
}

void refuse_sparse_peaks(MapReader& map, const GpuCatalog& catalog) {
  const std::optional<ConfigNode> peaks = map.find_node("peak_tflops");
  if (!peaks || map.find_node("sparse_tflops")) return;
  for (const auto& [name, value] : peaks->entries()) {
    const Precision precision = parse_precision(name).value();
    const DeviceSpec* gpu = find_sparse_lookalike(catalog, precision, value.as<double>());
    if (!gpu) continue;
    value.fail(fmt::format("the sparse figure of {}", gpu->name),
               fmt::format("its dense {} peak is {:g}; if yours is dense, state sparse_tflops too",
                           name, gpu->peak_dense_tflops(precision).value()));
  }
}

}  // namespace

DeviceSpec read_device_keys(MapReader& map, DeviceSpec base) {
  DeviceSpec device = std::move(base);
  read_over(map, "form", device.form);
  read_over(map, "architecture", device.architecture);
  read_over(map, "compute_capability", device.compute_capability);
  const bool own_memory = map.find_node("mem_gb").has_value();
  read_positive_over(map, "mem_gb", device.mem_gb);
  if (own_memory) device.visible_mem_mib.reset();
  read_count_over(map, "visible_mem_mib", device.visible_mem_mib);
  read_positive_over(map, "mem_bandwidth_gb_per_s", device.mem_bandwidth_gb_per_s);
  read_by_precision(map, "peak_tflops", device.peak_tflops);
  read_by_precision(map, "sparse_tflops", device.sparse_tflops);
  read_by_precision(map, "measured_tflops", device.measured_tflops);
  read_train_efficiency(map, device);
  if (const auto link = map.find_positive("scaleup_bidir_gb_per_s"))
    device.scaleup_bidir_gb_per_s = link;
  read_count_over(map, "scaleup_domain", device.scaleup_domain);
  read_count_over(map, "pcie_generation", device.pcie_generation);
  if (const auto watts = map.find_positive("tdp_w")) device.tdp_w = watts;
  device.source = map.required<std::string>("source");
  read_certainty(map, device.certainty);
  device.note = map.value_or<std::string>("note", "");
  check_against_peaks(device, map.node());
  return device;
}

DeviceSpec read_device(const std::string& name, const ConfigNode& node, const GpuCatalog& catalog) {
  MapReader map(node);
  DeviceSpec base;
  const DeviceClass kind = read_kind(map);
  if (const std::optional<ConfigNode> like = map.find_node("like")) {
    if (kind == DeviceClass::cpu) like->fail("only GPUs are in the catalogue", "state all figures");
    base = catalog.find(*like).spec;
  }
  base.name = name;
  base.kind = kind;
  DeviceSpec device = read_device_keys(map, std::move(base));
  if (kind == DeviceClass::gpu) refuse_sparse_peaks(map, catalog);
  map.finish();
  return device;
}

}  // namespace isoflop
