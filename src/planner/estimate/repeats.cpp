// SPDX-License-Identifier: MIT
#include "planner/estimate/repeats.hpp"

#include <cmath>
#include <map>

namespace isoflop {

std::string layout_key(const CsvTable& table, std::size_t row) {
  std::string key;
  for (const char* const column : {"n_layer",
                                   "d_model",
                                   "n_head",
                                   "n_kv_head",
                                   "d_ff",
                                   "ffn_type",
                                   "vocab",
                                   "seq_len",
                                   "gpu",
                                   "gpu_mem_gb",
                                   "n_gpu",
                                   "precision",
                                   "tp",
                                   "pp",
                                   "vpp",
                                   "cp",
                                   "ep",
                                   "zero_stage_or_fsdp",
                                   "sequence_parallel",
                                   "micro_batch",
                                   "global_batch",
                                   "recompute"})
    key += table.find(row, column).value_or("") + "|";
  return key;
}

std::vector<std::optional<double>> differences_of_repeats(std::span<const Repeat> measurements) {
  std::map<std::string, std::vector<std::size_t>> same;
  for (std::size_t i = 0; i < measurements.size(); ++i) same[measurements[i].layout].push_back(i);
  std::vector<std::optional<double>> differences(measurements.size());
  for (const auto& [layout, members] : same) {
    if (members.size() < 2) continue;
    for (const std::size_t one : members) {
      double sum = 0;
      for (const std::size_t other : members)
        sum += std::abs(measurements[one].measured_s / measurements[other].measured_s - 1);
      differences[one] = sum / static_cast<double>(members.size() - 1);
    }
  }
  return differences;
}

}  // namespace isoflop
