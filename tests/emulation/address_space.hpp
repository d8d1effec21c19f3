// SPDX-License-Identifier: MIT
#pragma once

#include "emulation/access_history.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace isoflop::emulation {

/// A stretch of device or pinned memory. Its address is never used again while the node lives.
struct Allocation {
  int64_t number = 0;  ///< from 1, within its address space
  char* begin = nullptr;
  int64_t bytes = 0;
  CUmemPoolHandle_st* pool = nullptr;  ///< that it was taken from; none if pinned or NCCL's
  int n_registration = 0;              ///< with NCCL's communicators
  bool is_given_back = false;          ///< the host has called for its release
  std::string freed_by;                ///< not empty once that has been carried out

  char* end() const { return begin + bytes; }
};

/// Addresses of one kind of memory of one GPU: exact sizes, gaps between all allocations.
class AddressSpace {
 public:
  /// More than all that a run ever allocates, freed or not.
  static constexpr int64_t kBytes = int64_t{16} << 30;

  /// Of `size` addresses. Allocations start on multiples of `alignment`, and at least as many bytes
  /// lie between them.
  AddressSpace(std::string kind, int64_t alignment, int64_t size);
  ~AddressSpace();
  AddressSpace(const AddressSpace&) = delete;
  AddressSpace& operator=(const AddressSpace&) = delete;

  Allocation& allocate(int64_t bytes) { return allocate(bytes, alignment_); }
  /// On a multiple of `alignment`, which is one of the space's.
  Allocation& allocate(int64_t bytes, int64_t alignment);
  bool contains(const void* address) const;
  /// The allocation, freed or not, that holds this byte; null for a gap.
  Allocation* find(const void* address);
  /// "allocation 12 (4096 bytes) + 128"; a gap is named by what lies before it.
  std::string describe(const void* address);
  std::vector<const Allocation*> not_given_back() const;

  char* begin() const { return begin_; }
  /// Bytes from the start up to the last allocation's end.
  int64_t used() const { return used_; }
  AccessHistory& history() { return history_; }

 private:
  Allocation* last_at_or_before(const void* address);

  std::string kind_;
  int64_t alignment_;
  int64_t size_;
  char* begin_;
  int64_t used_ = 0;
  std::map<const char*, Allocation> allocations_;  ///< by first byte
  AccessHistory history_;
};

}  // namespace isoflop::emulation
