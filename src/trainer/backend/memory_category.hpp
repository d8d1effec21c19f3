// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace isoflop {

/// What memory is for: the categories of core/parallel/memory_model.hpp, so that prediction and
/// allocation can be compared.
enum class MemoryCategory {
  parameters,
  compute_parameters,
  gradients,
  optimizer,
  gathered,
  gradient_buffers,
  activations,
  workspace,
  logits,
  batch,
  checkpoint,
  state
};
inline constexpr int kMemoryCategories = 12;

constexpr std::string_view to_string(MemoryCategory category) {
  constexpr std::array<std::string_view, kMemoryCategories> names = {
      "parameters",      "compute parameters",  "gradients",
      "optimizer state", "gathered parameters", "gradient buffers",
      "activations",     "workspace",           "logits",
      "batch",           "checkpoint",          "state"};
  return names[static_cast<std::size_t>(category)];
}

/// Bytes in use now, at the highest moment, and held from the system.
struct MemoryUsage {
  int64_t allocated = 0;
  int64_t peak = 0;
  int64_t reserved = 0;
  std::array<int64_t, kMemoryCategories> by_category{};  ///< allocated now
};

}  // namespace isoflop
