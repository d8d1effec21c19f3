// SPDX-License-Identifier: MIT
#pragma once

#include "core/model/recompute.hpp"
#include "core/parallel/layout.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace isoflop {

/// Layouts that a search keeps to; what is absent is free.
struct LayoutFilter {
  std::optional<int64_t> tensor;
  std::optional<int64_t> context;
  std::optional<int64_t> pipeline;
  std::optional<int64_t> data;
  std::optional<int64_t> experts;
  std::optional<int64_t> chunks;
  std::optional<int64_t> micro_batch;
  std::optional<ParallelStrategy> states;
  std::optional<Recompute> recompute;  ///< of all blocks alike
};

/// Reads "tensor=8,pipeline=16,states=zero1,recompute=full"; throws ConfigError with the nearest
/// key or value.
LayoutFilter parse_layout_filter(const std::string& text);

template <typename T>
bool allows(const std::optional<T>& wanted, const T& value) {
  return !wanted || *wanted == value;
}

}  // namespace isoflop
