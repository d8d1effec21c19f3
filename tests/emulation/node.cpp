// SPDX-License-Identifier: MIT
#include "emulation/node.hpp"

#include "emulation/launch_options.hpp"
#include "emulation/memory_protection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace isoflop::emulation {
namespace {

Node* node_of_ranks = nullptr;

/// Kept to the end of the program, which may leave things allocated.
std::unique_ptr<Node>& node_of_program() {
  static auto& node = *new std::unique_ptr<Node>;
  return node;
}

int64_t take_node_number() {
  static int64_t next = 1;
  return next++;
}

/// More than all that a run ever allocates, freed or not.
int64_t device_addresses(const Options& options) {
  return options.execution == Execution::full ? AddressSpace::kBytes : 4 * options.memory_bytes;
}

int64_t n_alive_events(const Gpu& gpu) {
  return std::count_if(gpu.events.begin(), gpu.events.end(),
                       [](const auto& entry) { return entry.second->is_alive; });
}

void find_leaks_of(const Gpu& gpu, std::vector<std::string>& leaks) {
  for (const Allocation* leak : gpu.device.not_given_back())
    leaks.push_back(fmt::format("rank {}: allocation {} ({} bytes) was not freed", gpu.rank,
                                leak->number, leak->bytes));
  for (const Allocation* leak : gpu.pinned.not_given_back())
    leaks.push_back(fmt::format("rank {}: pinned allocation {} ({} bytes) was not freed", gpu.rank,
                                leak->number, leak->bytes));
  for (const auto& stream : gpu.streams)
    if (stream->is_alive)
      leaks.push_back(fmt::format("rank {}: stream {} was not destroyed", gpu.rank, stream->name));
  if (const int64_t n = n_alive_events(gpu); n > 0)
    leaks.push_back(fmt::format("rank {}: {} events were not destroyed", gpu.rank, n));
  for (std::size_t i = 0; i < gpu.pools.size(); ++i)
    if (gpu.pools[i]->is_alive)
      leaks.push_back(fmt::format("rank {}: memory pool {} was not destroyed", gpu.rank, i + 1));
}

}  // namespace

Node::Node(const Options& of_options, const Faults& of_faults)
    : number(take_node_number()), options(of_options), faults(of_faults), scheduler(*this) {
  if (options.n_rank < 1) throw std::invalid_argument("emulation: n_rank is not positive");
  for (int rank = 0; rank < options.n_rank; ++rank)
    gpus.push_back(std::make_unique<Gpu>(rank, device_addresses(options)));
  explain_faults();
}

Node::~Node() {
  for (const auto& gpu : gpus) forget_memory(*gpu);
}

NodeScope::NodeScope(Node& node) {
  if (node_of_ranks != nullptr) throw std::logic_error("emulation: run_ranks() inside run_ranks()");
  node_of_ranks = &node;
}

NodeScope::~NodeScope() { node_of_ranks = nullptr; }

Node& current_node() {
  if (node_of_ranks != nullptr) return *node_of_ranks;
  std::unique_ptr<Node>& node = node_of_program();
  if (!node) node = std::make_unique<Node>(Options{}, Faults{});
  return *node;
}

void renew_node_of_program() {
  std::unique_ptr<Node>& node = node_of_program();
  if (node_of_ranks == nullptr && node && find_leaks(*node).empty()) node.reset();
}

Gpu& current_gpu() { return *current_node().gpus[static_cast<std::size_t>(current_rank())]; }

std::vector<std::string> find_leaks(const Node& node) {
  std::vector<std::string> leaks;
  for (const auto& gpu : node.gpus) find_leaks_of(*gpu, leaks);
  return leaks;
}

int64_t current_node_number() { return current_node().number; }
int current_rank() { return current_node().scheduler.current_rank(); }
bool checks_kernel_bytes() { return current_node().options.checks_kernel_bytes; }
LaneOrder lane_order() { return current_node().options.lane_order; }
const Faults& faults() { return current_node().faults; }
void count_launch() { ++current_gpu().counters.launches; }
Counters counters(int rank) {
  return current_node().gpus.at(static_cast<std::size_t>(rank))->counters;
}

}  // namespace isoflop::emulation
