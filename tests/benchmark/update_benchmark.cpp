// SPDX-License-Identifier: MIT
// What touches every parameter once a step: statistics of the gradients and AdamW, at the size of
// GPT-2 124M.
#include "bench_rig.hpp"
#include "trainer/backend/update_segment.hpp"

#include <vector>

namespace isoflop {
namespace {

constexpr int64_t kTensors = 148, kTensorSize = 124'475'904 / kTensors;
constexpr int64_t kParameters = kTensors * kTensorSize;

/// A table on the device, which is the host.
template <typename Row>
TensorView table_of(const std::vector<Row>& rows) {
  constexpr int64_t kColumns = sizeof(Row) / sizeof(int64_t);
  return {const_cast<Row*>(rows.data()), DType::i64, {std::ssize(rows), kColumns}};
}

void run_statistics(benchmark::State& state) {
  struct Segment {
    int64_t offset, size;
  };
  BenchRig rig(DType::f32);
  const TensorView grads = rig.tensor({kParameters});
  const TensorView sums = rig.zeros(DType::f64, {kTensors, 3});
  const TensorView extremes = rig.zeros(DType::f64, {kTensors, 2});
  std::vector<Segment> segments;
  for (int64_t i = 0; i < kTensors; ++i) segments.push_back({i * kTensorSize, kTensorSize});
  rig.measure_elements(state, kParameters, grads.bytes(), [&] {
    rig.ops().segment_statistics(rig.exec(), sums, extremes, grads, table_of(segments));
  });
}

void run_adamw(benchmark::State& state) {
  BenchRig rig(DType::f32);
  const TensorView params = rig.tensor({kParameters}), grads = rig.tensor({kParameters});
  const TensorView m = rig.zeros(DType::f32, {kParameters});
  const TensorView v = rig.zeros(DType::f32, {kParameters});
  const TensorView norms = rig.zeros(DType::f64, {kTensors, 2});
  std::vector<UpdateSegment> segments;
  for (int64_t i = 0; i < kTensors; ++i) {
    const int64_t offset = i * kTensorSize;
    segments.push_back({kTensorSize, 1, offset, offset, offset, offset, i});
  }
  StepState step;
  step.input.lr = 1e-4;
  step.output.clip_scale = 1;
  rig.measure_elements(state, kParameters, 7 * grads.bytes(), [&] {
    rig.ops().adamw(rig.exec(), params, m, v, grads, table_of(segments), norms, &step, {});
  });
}

}  // namespace

void add_update_benchmarks() {
  add_benchmark("update/segment_statistics", run_statistics);
  add_benchmark("update/adamw", run_adamw);
}

}  // namespace isoflop
