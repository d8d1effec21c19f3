// SPDX-License-Identifier: MIT
#pragma once

#include "emulation/cudnn_backend_graph.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace isoflop::emulation {

/// Elements of each tensor in row-major order of its dimensions, whatever its strides. Integers up
/// to 2^24 and booleans are exact.
using GraphValues = std::map<int64_t, std::vector<float>>;

/// Carries out a graph literally, one operation after the other: sums in f64, each tensor rounded
/// to its own type when it is made.
void interpret(const Graph& graph, GraphValues& values);

/// A stretch of memory, relative to a tensor's first element.
struct Stretch {
  int64_t begin_bytes = 0, bytes = 0;
};
/// Exactly the memory of the tensor's elements, as few stretches as its strides allow.
std::vector<Stretch> stretches(const GraphTensor& tensor);

std::vector<float> load_tensor(const GraphTensor& tensor, const std::byte* memory);
void store_tensor(const GraphTensor& tensor, const std::vector<float>& values, std::byte* memory);

}  // namespace isoflop::emulation
