// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/tensor/tensor_view.hpp"

#include <bit>
#include <cstdint>
#include <initializer_list>
#include <vector>

namespace isoflop {

/// Names a piece of work by all that it depends on besides the contents of memory: which it is, the
/// addresses it is given and the numbers that go into its launches. Sizes need not be in it where
/// they follow from the rest.
class WorkKey {
 public:
  WorkKey(std::initializer_list<int64_t> words) {
    for (const int64_t word : words) add(word);
  }

  WorkKey& add(int64_t word) {
    words_.push_back(static_cast<uint64_t>(word));
    return *this;
  }
  WorkKey& add(double value) {
    words_.push_back(std::bit_cast<uint64_t>(value));
    return *this;
  }
  WorkKey& add(const void* address) {
    words_.push_back(reinterpret_cast<uintptr_t>(address));
    return *this;
  }
  WorkKey& add(const TensorView& view) { return add(static_cast<const void*>(view.data)); }

  auto operator<=>(const WorkKey&) const = default;

 private:
  std::vector<uint64_t> words_;
};

}  // namespace isoflop
