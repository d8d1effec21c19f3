// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/csv.hpp"
#include "core/hardware/gpu_catalog.hpp"
#include "planner/cost/parallel_layout.hpp"
#include "planner/cost/software_stack.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

namespace isoflop {

/// A training run of another program as its publication describes it, ready to be predicted: one
/// row of a file with the columns of data/published_runs.csv.
struct PublishedRun {
  std::string id;
  std::string source;
  ModelShape shape;
  DeviceSpec device;
  Precision precision = Precision::bf16;
  int64_t n_device = 0;
  int64_t devices_per_node = 0;
  int64_t seq_len = 0;
  ParallelLayout layout;
  bool knows_micro_batch = false;  ///< else the planner chooses: the largest that fits
  SoftwareStack stack;
};

/// Why a row cannot be predicted: "column n_gpu is empty".
struct Unsupported {
  std::string reason;
};

/// Understands rows with the help of the catalogues of GPUs, programs and expert models.
class RunReader {
 public:
  /// From data_dir(). Throws FileError or ConfigError.
  RunReader();

  std::variant<PublishedRun, Unsupported> read(const CsvTable& table, std::size_t row) const;

 private:
  struct ExpertModel {
    std::string match;  ///< lower-case text in the model's name
    MoeShape moe;
    std::optional<MlaShape> mla;
    std::optional<int64_t> d_head;
    std::optional<int64_t> d_ff;  ///< of dense layers
  };
  static std::vector<ExpertModel> load_expert_models();

  void add_experts(ModelShape& shape, const std::string& model) const;
  SoftwareStack choose_stack(const CsvTable& table, std::size_t row, Precision precision) const;
  DeviceSpec find_device(const std::string& gpu, std::optional<double> mem_gb) const;

  GpuCatalog gpus_;
  StackCatalog stacks_;
  std::vector<ExpertModel> experts_;
};

}  // namespace isoflop
