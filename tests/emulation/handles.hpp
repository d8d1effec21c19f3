// SPDX-License-Identifier: MIT
#pragma once

#include "emulation/emulation.hpp"
#include "emulation/findings.hpp"

#include <fmt/format.h>

#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

namespace isoflop::emulation {

/// A finding about a call of the rank whose host code runs.
inline void report_misuse(const std::string& call, const std::string& problem) {
  add_finding(fmt::format("rank {}: {}: {}", current_rank(), call, problem));
}

/// What an emulated library hands out for one kind of handle. Destroyed objects keep their address,
/// so that their use is told from that of a pointer which never was a handle.
template <typename T>
class Handles {
 public:
  explicit Handles(std::string kind) : kind_(std::move(kind)) {}

  template <typename... Arguments>
  T* create(Arguments&&... arguments) {
    auto object = std::make_unique<T>(std::forward<Arguments>(arguments)...);
    T* const handle = object.get();
    entries_[handle] = {std::move(object), current_rank(), true};
    return handle;
  }

  /// Null, and a finding, unless `handle` is alive and this rank's.
  T* find(const void* handle, const std::string& call) const {
    const auto entry = entries_.find(handle);
    if (entry == entries_.end())
      report_misuse(call, fmt::format("{} is {}", kind_, handle ? "not a handle" : "null"));
    else if (!entry->second.is_alive)
      report_misuse(call, fmt::format("{} was destroyed before", kind_));
    else if (entry->second.rank != current_rank())
      report_misuse(call, fmt::format("{} is rank {}'s", kind_, entry->second.rank));
    else
      return entry->second.object.get();
    return nullptr;
  }

  /// False, and a finding, unless it was alive.
  bool destroy(const void* handle, const std::string& call) {
    if (find(handle, call) == nullptr) return false;
    entries_.at(handle).is_alive = false;
    return true;
  }

 private:
  struct Entry {
    std::unique_ptr<T> object;
    int rank = 0;
    bool is_alive = false;
  };
  std::string kind_;
  std::unordered_map<const void*, Entry> entries_;
};

}  // namespace isoflop::emulation
