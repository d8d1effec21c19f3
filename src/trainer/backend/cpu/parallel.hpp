// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>
#include <omp.h>

namespace isoflop {

/// Elements below which starting threads costs more than it gains (a few microseconds of work).
inline constexpr int64_t kSerialElements = 16384;

/// Adjacent f32 elements that a thread takes at least where threads share columns: one cache line.
inline constexpr int64_t kColumnGrain = 16;

/// Calls f(begin, end) on parts of [0, n), one per OpenMP thread, in multiples of `grain`. The
/// parts depend on n and the number of threads only, so results that depend on them are the same in
/// every run. `elements` is the work in all; small work stays on the calling thread.
template <typename F>
void parallel_for(int64_t n, int64_t grain, int64_t elements, const F& f) {
  const int64_t grains = (n + grain - 1) / grain;
  if (elements < kSerialElements || grains < 2 || omp_get_max_threads() == 1) {
    if (n > 0) f(int64_t{0}, n);
    return;
  }
#pragma omp parallel
  {
    const int64_t thread = omp_get_thread_num(), n_threads = omp_get_num_threads();
    const int64_t begin = grains * thread / n_threads * grain;
    const int64_t end = std::min(n, grains * (thread + 1) / n_threads * grain);
    if (begin < end) f(begin, end);
  }
}

}  // namespace isoflop
