// SPDX-License-Identifier: MIT
#include "planner/analysis/gpu_table.hpp"

#include "core/base/format.hpp"

#include <fmt/format.h>

#include <vector>

namespace isoflop {
namespace {

std::string line(std::string_view label, const std::string& text) {
  return fmt::format("{:<14}{}\n", label, text);
}

/// "fp32 66.9, bf16 989.4"; precisions that the GPU lacks are left out.
std::string list_tflops(const TflopsByPrecision& tflops) {
  std::string text;
  for (const auto& [precision, value] : tflops)
    text += fmt::format("{}{} {:.5g}", text.empty() ? "" : ", ", to_string(precision), value);
  return text;
}

Cell find_tflops(const TflopsByPrecision& tflops, Precision precision) {
  const auto found = tflops.find(precision);
  return found == tflops.end() ? Cell() : Cell(found->second);
}

/// A line of figures in TFLOP/s, empty where there are none.
std::string tflops_line(std::string_view label, const TflopsByPrecision& tflops,
                        std::string_view remark = "") {
  if (tflops.empty()) return "";
  return line(label, fmt::format("{} TFLOP/s{}", list_tflops(tflops), remark));
}

/// "H100-SXM5-80GB, Hopper, SXM5, compute capability 9.0".
std::string identity(const DeviceSpec& gpu) {
  std::string text = gpu.name;
  if (!gpu.architecture.empty()) text += ", " + gpu.architecture;
  if (!gpu.form.empty()) text += ", " + gpu.form;
  if (!gpu.compute_capability.empty()) text += ", compute capability " + gpu.compute_capability;
  return text;
}

std::string memory_line(const DeviceSpec& gpu) {
  const std::string seen =
      gpu.visible_mem_mib ? fmt::format("{} visible to jobs, ", format_bytes(gpu.mem_bytes())) : "";
  return line("Memory",
              fmt::format("{:g} GB, {}{:g} GB/s", gpu.mem_gb, seen, gpu.mem_bandwidth_gb_per_s));
}

/// What one GPU reaches others and the host by, in one direction.
std::string link_lines(const DeviceSpec& gpu) {
  std::string text;
  if (const std::optional<double> speed = gpu.scaleup_gb_per_s()) {
    const std::string domain =
        gpu.scaleup_domain ? fmt::format(", {} GPUs joined", *gpu.scaleup_domain) : "";
    text += line("Scale-up", fmt::format("{:g} GB/s each way{}", *speed, domain));
  }
  if (const std::optional<double> speed = gpu.pcie_gb_per_s())
    text += line("PCIe", fmt::format("generation {} x16, {:.3g} GB/s each way",
                                     *gpu.pcie_generation, *speed));
  return text;
}

void write_tflops(JsonWriter& json, std::string_view key, const TflopsByPrecision& tflops) {
  if (tflops.empty()) return;
  json.key(key).begin_object();
  for (const auto& [precision, value] : tflops) json.entry(to_string(precision), value);
  json.end_object();
}

template <typename T>
void write_known(JsonWriter& json, std::string_view key, const std::optional<T>& value) {
  if (value) json.entry(key, *value);
}

void write_known(JsonWriter& json, std::string_view key, const std::string& text) {
  if (!text.empty()) json.entry(key, text);
}

}  // namespace

Table gpu_table(std::span<const DeviceSpec> gpus) {
  Table table{"gpus", "GPUs of data/gpus.yaml"};
  table.notes = {"fp32 to fp4: dense peak in TFLOP/s, '-' where the GPU lacks the precision",
                 "measured: the best dense bf16 product that anyone measured, TFLOP/s",
                 "planner gpus NAME: links, power, sources and known traps of one"};
  table.columns = {{"name", "name"},
                   {"mem_gb", "memory", "GB", CellStyle::fixed, 0},
                   {"mem_bandwidth_gb_per_s", "bandwidth", "GB/s", CellStyle::fixed, 0}};
  for (const Precision precision : kPrecisions) {
    const std::string name = to_string(precision);
    table.columns.push_back({"peak_" + name + "_tflops", name, "", CellStyle::fixed, 1});
  }
  table.columns.push_back({"measured_bf16_tflops", "measured", "", CellStyle::fixed, 1});
  table.columns.push_back({"certainty", "certainty"});
  for (const DeviceSpec& gpu : gpus) {
    std::vector<Cell> row = {gpu.name, gpu.mem_gb, gpu.mem_bandwidth_gb_per_s};
    for (const Precision precision : kPrecisions)
      row.push_back(find_tflops(gpu.peak_tflops, precision));
    row.push_back(find_tflops(gpu.measured_tflops, Precision::bf16));
    row.emplace_back(gpu.certainty);
    table.rows.push_back(std::move(row));
  }
  return table;
}

std::string describe_gpu(const GpuMatch& match) {
  const DeviceSpec& gpu = match.spec;
  std::string text = line("GPU", identity(gpu)) + line("Found by", match.how) + memory_line(gpu);
  text += tflops_line("Dense peak", gpu.peak_tflops);
  text += tflops_line("Measured", gpu.measured_tflops, ", the best dense product");
  text += tflops_line("Sparse", gpu.sparse_tflops, ", 2:4: not a peak of dense training");
  text += link_lines(gpu);
  if (gpu.tdp_w) text += line("Power", fmt::format("{:g} W", *gpu.tdp_w));
  if (!gpu.certainty.empty()) text += line("Certainty", gpu.certainty);
  if (!gpu.source.empty()) text += line("Source", gpu.source);
  if (!gpu.note.empty()) text += line("Note", gpu.note);
  return text;
}

void write_gpu(JsonWriter& json, const DeviceSpec& gpu) {
  json.begin_object().entry("name", gpu.name);
  write_known(json, "form", gpu.form);
  write_known(json, "architecture", gpu.architecture);
  write_known(json, "compute_capability", gpu.compute_capability);
  json.entry("mem_gb", gpu.mem_gb);
  write_known(json, "visible_mem_mib", gpu.visible_mem_mib);
  json.entry("mem_bandwidth_gb_per_s", gpu.mem_bandwidth_gb_per_s);
  write_tflops(json, "peak_dense_tflops", gpu.peak_tflops);
  write_tflops(json, "sparse_tflops", gpu.sparse_tflops);
  write_tflops(json, "measured_tflops", gpu.measured_tflops);
  write_known(json, "scaleup_gb_per_s", gpu.scaleup_gb_per_s());
  write_known(json, "scaleup_domain", gpu.scaleup_domain);
  write_known(json, "pcie_gb_per_s", gpu.pcie_gb_per_s());
  write_known(json, "tdp_w", gpu.tdp_w);
  write_known(json, "certainty", gpu.certainty);
  write_known(json, "source", gpu.source);
  write_known(json, "note", gpu.note);
  json.end_object();
}

}  // namespace isoflop
