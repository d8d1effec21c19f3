// SPDX-License-Identifier: MIT
#pragma once

#include "report/fit/device_series.hpp"

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace isoflop::fit {

/// functor(i) for i in [0, n), independent of each other, on all of Kokkos' default execution
/// space; where that is Serial, on all cores of this process, a chunk at a time on threads above
/// it.
template <typename Functor>
void for_each_on_all_cores(const std::string& label, std::size_t n, const Functor& functor) {
  const auto run = [&](std::size_t begin, std::size_t end) {
    Kokkos::parallel_for(label, Kokkos::RangePolicy<Space>(begin, end), functor);
  };
  constexpr std::size_t kChunk = 16;
  const std::size_t n_threads =
      std::min<std::size_t>(std::max(1U, std::thread::hardware_concurrency()), n / kChunk);
  if (Space().concurrency() > 1 || n_threads < 2) return run(0, n);
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t begin = next.fetch_add(kChunk); begin < n; begin = next.fetch_add(kChunk))
      run(begin, std::min(begin + kChunk, n));
  };
  std::vector<std::jthread> threads;
  for (std::size_t t = 1; t < n_threads; ++t) threads.emplace_back(work);
  work();
}

}  // namespace isoflop::fit
