// SPDX-License-Identifier: MIT
#include "core/model/architecture.hpp"
#include "on_emulated_gpu.hpp"
#include "trainer/backend/cuda/scratch.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>

namespace isoflop {
namespace {

/// What norms say that they take, as an arena counts it.
int64_t scratch_bytes(int64_t M, int64_t C) { return aligned_bytes(norm_scratch_bytes(M, C)); }

/// The backward pass of a layernorm with its weight's and its bias's gradient; the arena bytes it
/// took.
int64_t run_backward(OpRig& rig, int64_t M, int64_t C) {
  Arena arena(rig.device(), scratch_bytes(M, C), MemoryCategory::workspace);
  const Exec exec{rig.device(), rig.device().compute_stream(), arena};
  rig.ops().norm_backward(exec, rig.fresh({M, C}), rig.fresh(DType::f32, {C}),
                          rig.fresh(DType::f32, {C}), rig.fresh({M, C}), rig.fresh({M, C}),
                          rig.fresh(DType::f32, {M, 2}), rig.fresh({C}),
                          {NormKind::layernorm, 1e-5});
  rig.clear();
  return arena.peak();
}

/// Blocks of norm_backward.
int64_t n_block(int64_t M, int64_t C) {
  int64_t n = 0;
  emulation::run_ranks({.execution = emulation::Execution::shapes_only}, [&](int) {
    OpRig rig(make_cuda_backend({.precision = Precision::bf16}));
    emulation::take_timeline(0);
    run_backward(rig, M, C);
    for (const emulation::TimelineEntry& entry : emulation::take_timeline(0))
      if (entry.name == "norm_backward") n = entry.work.n_block;
  });
  return n;
}

// A block of 8 columns a thread has 96 threads at 768 columns and 256 from 2,048 columns on.
TEST(CudaNorm, blocks_are_as_many_as_make_up_1024_threads_a_multiprocessor_of_an_h100) {
  constexpr int64_t kThreads = 132 * 1024;
  EXPECT_EQ(n_block(14080, 768), kThreads / 96);
  EXPECT_EQ(n_block(5280, 4096), kThreads / 256);
  EXPECT_EQ(n_block(100, 768), 13) << "of 8 rows at least";
}

TEST(CudaNorm, takes_the_scratch_it_says_and_no_more_for_fewer_rows) {
  emulation::run_ranks({.execution = emulation::Execution::shapes_only}, [&](int) {
    OpRig rig(make_cuda_backend({.precision = Precision::bf16}));
    int64_t before = 0;
    for (const int64_t M : {1, 5000, 11264, 11265, 20000}) {
      EXPECT_LE(run_backward(rig, M, 8), scratch_bytes(M, 8));
      EXPECT_LE(run_backward(rig, M, 768), scratch_bytes(M, 768));
      EXPECT_GE(scratch_bytes(M, 768), before);
      before = scratch_bytes(M, 768);
    }
    EXPECT_EQ(run_backward(rig, 14080, 768), scratch_bytes(14080, 768));
  });
}

}  // namespace
}  // namespace isoflop
