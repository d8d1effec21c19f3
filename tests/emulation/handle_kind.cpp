// SPDX-License-Identifier: MIT
#include "emulation/handle_kind.hpp"

#include "emulation/emulation.hpp"

#include <fmt/format.h>

#include <map>
#include <utility>

namespace isoflop::emulation {
namespace {

std::vector<HandleKind*>& kinds() {
  static std::vector<HandleKind*> list;
  return list;
}

}  // namespace

HandleKind::HandleKind(std::string name) : name_(std::move(name)) { kinds().push_back(this); }

std::vector<std::string> find_handle_leaks(int64_t node) {
  std::map<std::pair<int, std::string>, int> counts;
  for (const HandleKind* const kind : kinds())
    for (const int rank : kind->owners(node)) ++counts[{rank, kind->name()}];
  std::vector<std::string> leaks;
  for (const auto& [owner, n] : counts)
    leaks.push_back(
        fmt::format("rank {}: {} of kind '{}' not destroyed", owner.first, n, owner.second));
  return leaks;
}

void forget_handles() {
  for (HandleKind* const kind : kinds()) kind->forget(current_node_number(), current_rank());
}

}  // namespace isoflop::emulation
