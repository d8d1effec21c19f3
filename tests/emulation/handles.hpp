// SPDX-License-Identifier: MIT
#pragma once

#include "emulation/emulation.hpp"
#include "emulation/findings.hpp"
#include "emulation/handle_kind.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace isoflop::emulation {

/// A finding about a call of the rank whose host code runs.
inline void report_misuse(const std::string& call, const std::string& problem) {
  add_finding(fmt::format("rank {}: {}: {}", current_rank(), call, problem));
}

/// What an emulated library hands out for one kind of handle. Destroyed objects keep their address,
/// so that their use is told from that of a pointer which never was a handle.
template <typename T>
class Handles final : public HandleKind {
 public:
  using HandleKind::HandleKind;

  template <typename... Arguments>
  T* create(Arguments&&... arguments) {
    auto object = std::make_unique<T>(std::forward<Arguments>(arguments)...);
    T* const handle = object.get();
    entries_[handle] = {std::move(object), current_rank(), current_node_number(), true};
    return handle;
  }

  /// Null, and a finding, unless `handle` is alive and this rank's.
  T* find(const void* handle, const std::string& call) const {
    const Entry* const entry = find_alive(handle, call);
    if (entry == nullptr) return nullptr;
    if (entry->rank == current_rank()) return entry->object.get();
    report_misuse(call, fmt::format("{} is rank {}'s", name(), entry->rank));
    return nullptr;
  }
  /// Null, and a finding, unless `handle` is alive: for what any thread may call.
  T* find_of_any_rank(const void* handle, const std::string& call) const {
    const Entry* const entry = find_alive(handle, call);
    return entry == nullptr ? nullptr : entry->object.get();
  }

  /// False, and a finding, unless it was alive.
  bool destroy(const void* handle, const std::string& call) {
    if (find(handle, call) == nullptr) return false;
    entries_.at(handle).is_alive = false;
    return true;
  }

  std::vector<int> owners(int64_t node) const override {
    std::vector<int> ranks;
    for (const auto& [handle, entry] : entries_)
      if (entry.is_alive && entry.node == node) ranks.push_back(entry.rank);
    return ranks;
  }
  void forget(int64_t node, int rank) override {
    for (auto& [handle, entry] : entries_)
      if (entry.node == node && entry.rank == rank) entry.is_alive = false;
  }

 private:
  struct Entry {
    std::unique_ptr<T> object;
    int rank = 0;
    int64_t node = 0;
    bool is_alive = false;
  };

  const Entry* find_alive(const void* handle, const std::string& call) const {
    const auto entry = entries_.find(handle);
    if (entry == entries_.end())
      report_misuse(call, fmt::format("{} is {}", name(), handle ? "not a handle" : "null"));
    else if (!entry->second.is_alive)
      report_misuse(call, fmt::format("{} was destroyed before", name()));
    else
      return &entry->second;
    return nullptr;
  }

  std::unordered_map<const void*, Entry> entries_;
};

}  // namespace isoflop::emulation
