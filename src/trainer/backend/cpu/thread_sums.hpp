// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/round_up.hpp"
#include "trainer/backend/cpu/parallel.hpp"
#include "trainer/backend/cpu/vectorise.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <omp.h>
#include <vector>

namespace isoflop {

/// Sums over rows, a row of gradients each: threads share the rows and add into floats of their
/// own, which are then added up in the order of the threads. The memory is kept from call to call.
class ThreadSums {
 public:
  explicit ThreadSums(int n_threads) : n_threads_(n_threads) {}

  /// Calls f(begin, end, sums) on parts of [0, n_rows), where sums are `width` floats to add to
  /// that start at 0. `elements` is the work in all, as for parallel_for.
  template <typename F>
  void add_rows(int64_t n_rows, int64_t width, int64_t elements, const F& f) {
    stride_ = round_up(width, kColumnGrain);
    const auto size = static_cast<std::size_t>(n_threads_ * stride_);
    if (sums_.size() < size) sums_.resize(size);
    std::fill_n(sums_.begin(), size, 0.0f);
    parallel_for(n_rows, 1, elements, [&](int64_t begin, int64_t end) {
      f(begin, end, sums_.data() + omp_get_thread_num() * stride_);
    });
  }

  /// out (n) += the totals from `first` on.
  void add_totals(float* out, int64_t first, int64_t n) const {
    for (int64_t thread = 0; thread < n_threads_; ++thread) {
      const float* const sums = sums_.data() + thread * stride_ + first;
#pragma omp simd
      for (int64_t i = 0; i < n; ++i) out[i] += sums[i];
    }
  }

 private:
  int64_t n_threads_;
  int64_t stride_ = 0;
  std::vector<float> sums_;
};

}  // namespace isoflop
