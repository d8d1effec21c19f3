// SPDX-License-Identifier: MIT
#pragma once

#include "core/parallel/flat_layout.hpp"
#include "core/plan/train_config.hpp"
#include "core/run/run_header.hpp"
#include "trainer/comm/process_grid.hpp"

#include <string>
#include <vector>

namespace isoflop {

/// What train_flops_per_token() counts with causal attention.
inline constexpr const char* kFlopsFormula =
    "6 x matmul parameters + 6 n_layer n_head d_head seq_len (causal attention); recomputation not "
    "counted";

/// What the run file's header is made of, beside the configuration.
struct RunContext {
  const TrainConfig& config;
  const Layout& layout;
  const FlatLayout& flat_layout;
  const std::vector<RankInfo>& ranks;
  std::string device_description;
  std::string tokenizer;
  std::vector<std::string> argv;
  std::string config_yaml;  ///< complete, runs again as it is
  int64_t resumed_from_step = 0;
};

/// The header of the run file; segment number and path are the caller's.
RunHeader make_run_header(const RunContext& context);

}  // namespace isoflop
