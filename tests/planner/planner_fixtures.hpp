// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/cluster.hpp"
#include "core/hardware/gpu_catalog.hpp"
#include "core/scaling/law_catalog.hpp"
#include "planner/calibration.hpp"
#include "planner/plan.hpp"

#include <filesystem>
#include <string>

namespace isoflop::test {

inline const GpuCatalog& catalog() {
  static const GpuCatalog gpus = GpuCatalog::load();
  return gpus;
}

inline Cluster cluster_of(const std::string& yaml) {
  return read_cluster(ConfigNode::parse(yaml, "cluster.yaml"), ".", catalog());
}

/// The 16 x 8 H100 cluster file that ships with the project.
inline Cluster h100_cluster() {
  return load_cluster(std::filesystem::path(ISOFLOP_SOURCE_DIR) / "configs/clusters/h100-16x8.yaml",
                      catalog());
}

/// Two nodes of two CPU ranks; 0.1 TFLOP/s each, measured at two widths.
inline Cluster cpu_cluster(double mem_gb = 4) {
  return cluster_of(
      "name: laptops\n"
      "partitions:\n"
      "  - {name: cpu, nodes: 2, cpu_device: core, ranks_per_node: 2, cpus_per_node: 4,\n"
      "     mem_gb_per_node: 8, intra_node_gb_per_s_per_device: 8, inter_node_gb_per_s_per_node: "
      "4,\n"
      "     time_limit: 1h}\n"
      "devices:\n"
      "  core:\n"
      "    kind: cpu\n"
      "    mem_gb: " +
      std::to_string(mem_gb) +
      "\n"
      "    mem_bandwidth_gb_per_s: 20\n"
      "    peak_tflops: {fp32: 0.1}\n"
      "    train_efficiency:\n"
      "      - {d_model: 64, n_layer: 2, seq_len: 256, mfu: 0.2}\n"
      "      - {d_model: 256, n_layer: 4, seq_len: 256, mfu: 0.4}\n"
      "    source: trainer bench\n");
}

inline PlanRequest request_for(const Cluster& cluster, double hours) {
  PlanRequest request;
  request.cluster = cluster;
  request.goals.hours = hours;
  request.name = "test";
  request.law = LawCatalog::load().default_law();
  return request;
}

inline TrainingText byte_text() {
  TrainingText text;
  text.tokenizer = "bytes";
  text.vocab_size = 257;
  return text;
}

}  // namespace isoflop::test
