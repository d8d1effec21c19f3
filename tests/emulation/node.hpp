// SPDX-License-Identifier: MIT
#pragma once

#include "emulation/gpu.hpp"
#include "emulation/scheduler.hpp"

#include <memory>
#include <vector>

namespace isoflop::emulation {

/// GPUs, the host code of their ranks, and what decides who goes on.
struct Node {
  Node(const Options& of_options, const Faults& of_faults);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  int64_t number;  ///< no two nodes of the program have the same
  Options options;
  Faults faults;
  std::vector<std::unique_ptr<Gpu>> gpus;  ///< by rank
  Scheduler scheduler;
  int64_t n_enqueued = 0;
  int64_t n_capture = 0;  ///< of rank 0
};

/// That of run_ranks(), or else one of a single rank with default options whose host code is the
/// program itself. The latter is a new one once everything in it was destroyed.
Node& current_node();
/// Drops the program's own node if everything in it was destroyed: call at the end of a
/// destruction.
void renew_node_of_program();
/// The GPU of the rank whose host code is running.
Gpu& current_gpu();
/// Whether operations are carried out: not in shapes_only.
inline bool executes() { return current_node().options.execution == Execution::full; }

/// While it lives, current_node() is this one.
class NodeScope {
 public:
  explicit NodeScope(Node& node);
  ~NodeScope();
  NodeScope(const NodeScope&) = delete;
  NodeScope& operator=(const NodeScope&) = delete;
};

/// Everything that is not destroyed or freed, one line each.
std::vector<std::string> find_leaks(const Node& node);

}  // namespace isoflop::emulation
