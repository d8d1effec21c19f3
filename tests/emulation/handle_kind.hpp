// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace isoflop::emulation {

/// One kind of handle that an emulated library hands out; lives to the end of the program.
class HandleKind {
 public:
  explicit HandleKind(std::string name);
  virtual ~HandleKind() = default;
  HandleKind(const HandleKind&) = delete;
  HandleKind& operator=(const HandleKind&) = delete;

  const std::string& name() const { return name_; }
  /// The rank of each handle that was made on this node and not destroyed.
  virtual std::vector<int> owners(int64_t node) const = 0;
  /// Counts those of a rank as destroyed.
  virtual void forget(int64_t node, int rank) = 0;

 private:
  std::string name_;
};

/// Of the node that host code runs on; nodes are numbered.
int64_t current_node_number();

/// Handles of all kinds that are left on a node: a line for each rank and kind.
std::vector<std::string> find_handle_leaks(int64_t node);
/// What the rank whose host code runs has left counts as destroyed: for tests of the libraries.
void forget_handles();

}  // namespace isoflop::emulation
