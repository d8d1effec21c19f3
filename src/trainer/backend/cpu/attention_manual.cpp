// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/attention_manual.hpp"

#include "core/parallel/cpu_scratch.hpp"
#include "trainer/backend/cpu/attention_layout.hpp"
#include "trainer/backend/cpu/attention_rows.hpp"
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/cpu/parallel.hpp"

#include <algorithm>
#include <cmath>

namespace isoflop {
namespace {

using namespace attention;

/// Shapes of the products of one head.
struct HeadShape {
  int64_t T, D, qkv_stride, out_stride;
  DType dtype;

  MatrixLayout in_qkv() const { return {qkv_stride, 1, dtype}; }
  MatrixLayout in_qkv_transposed() const { return {1, qkv_stride, dtype}; }
  MatrixLayout in_out() const { return {out_stride, 1, dtype}; }
  MatrixLayout square() const { return {T, 1, dtype}; }
  MatrixLayout square_transposed() const { return {1, T, dtype}; }

  CpuMatmulShape scores() const { return {T, T, D, in_qkv(), in_qkv_transposed(), square()}; }
  CpuMatmulShape outputs(int64_t n_rows) const {
    return {n_rows, D, T, square(), in_qkv(), in_out()};
  }
  CpuMatmulShape d_probabilities() const {
    return {T, T, D, in_out(), in_qkv_transposed(), square()};
  }
  CpuMatmulShape d_queries() const { return {T, D, T, square(), in_qkv(), in_qkv()}; }
  /// Gradients of keys and values, whose rows are summed at `sums`.
  CpuMatmulShape d_values(const MatrixLayout& sums, Accumulate accumulate) const {
    return {T, D, T, square_transposed(), in_out(), sums, std::nullopt, accumulate};
  }
  CpuMatmulShape d_keys(const MatrixLayout& sums, Accumulate accumulate) const {
    return {T, D, T, square_transposed(), in_qkv(), sums, std::nullopt, accumulate};
  }
};

HeadShape head_shape(const TensorView& qkv, const AttentionParams& params) {
  const AttentionShape& heads = params.heads;
  return {.T = qkv.extent(1),
          .D = heads.d_head,
          .qkv_stride = qkv.strides[1],
          .out_stride = heads.n_head * heads.d_head,
          .dtype = qkv.dtype};
}

SquareMatrix square_of(const TensorView& squares, int64_t b, int64_t h) {
  return {element(squares.data, squares.dtype, b * squares.strides[0] + h * squares.strides[1]),
          squares.dtype, squares.extent(3)};
}

/// Calls f(t) for rows [first, first + n) of a matrix of T columns.
template <typename F>
void for_rows(int64_t first, int64_t n, int64_t T, const F& f) {
  parallel_for(n, 1, n * T, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) f(first + t);
  });
}

/// Forward of the heads one after the other; threads share the rows of each.
struct Forward {
  MatmulCache& products;
  ManualForward tensors;
  AttentionParams params;
  TensorView dropped;  ///< (kDroppedRows, T); none without dropout
  float* scratch;

  void run() const {
    for (int64_t b = 0; b < tensors.qkv.extent(0); ++b)
      for (int64_t h = 0; h < params.heads.n_head; ++h)
        run_head(b, h, dropout_lane(params, tensors.qkv.extent(1), b, h));
  }

  void run_head(int64_t b, int64_t h, const std::optional<DropoutLane>& lane) const {
    const AttentionShape& heads = params.heads;
    const HeadShape shape = head_shape(tensors.qkv, params);
    const int64_t T = shape.T, g = h / (heads.n_head / heads.n_kv_head);
    const SquareMatrix p = square_of(tensors.probabilities, b, h);
    const Head out = out_head(tensors.out, b, h);
    const void* const values = qkv_head(tensors.qkv, b, value_column(heads, g)).data;
    products.run(shape.scores(), {.c = p.data,
                                  .a = qkv_head(tensors.qkv, b, query_column(heads, h)).data,
                                  .b = qkv_head(tensors.qkv, b, key_column(heads, g)).data,
                                  .scratch = scratch});
    const FirstKeys first_keys(params.first_keys, b);
    for_rows(0, T, T, [&](int64_t t) {
      softmax_row(p, t, first_keys.of(t), score_scale(params.heads.d_head));
    });
    if (!lane)
      return products.run(shape.outputs(T),
                          {.c = out.data, .a = p.data, .b = values, .scratch = scratch});
    for (int64_t first = 0; first < T; first += kDroppedRows)
      add_dropped_rows(shape, p, first, *lane, out, values);
  }

  void add_dropped_rows(const HeadShape& shape, const SquareMatrix& p, int64_t first,
                        const DropoutLane& lane, const Head& out, const void* values) const {
    const int64_t n = std::min(kDroppedRows, shape.T - first);
    const SquareMatrix kept{dropped.data, p.dtype, p.T};
    for_rows(first, n, p.T, [&](int64_t t) { drop_row(kept, t - first, p, t, lane); });
    products.run(shape.outputs(n),
                 {.c = out.row(first), .a = kept.data, .b = values, .scratch = scratch});
  }
};

/// Gradients of one key-value head's keys or values: in place, or (2-byte types of several query
/// heads) f32 sums without gaps that are rounded once.
struct KeySums {
  void* data;
  MatrixLayout layout;
};

struct Backward {
  MatmulCache& products;
  ManualBackward tensors;
  AttentionParams params;
  TensorView sums;  ///< (2, T, d_head) f32 of keys and values; none: summed in place
  float* scratch;

  void run() const {
    const int64_t T = tensors.qkv.extent(1), G = params.heads.n_kv_head;
    const int64_t group = params.heads.n_head / G;
    for (int64_t b = 0; b < tensors.qkv.extent(0); ++b) {
      for (int64_t g = 0; g < G; ++g) {
        for (int64_t member = 0; member < group; ++member) {
          const int64_t h = g * group + member;
          run_head(b, h, g, member == 0 ? Accumulate::no : Accumulate::yes,
                   dropout_lane(params, T, b, h));
        }
        store(d_head(b, key_column(params.heads, g)), 0);
        store(d_head(b, value_column(params.heads, g)), 1);
      }
    }
  }

  Head d_head(int64_t b, int64_t column) const { return qkv_head(tensors.d_qkv, b, column); }

  /// index 0: keys, 1: values.
  KeySums sums_of(const Head& head, int64_t index) const {
    if (!sums) return {head.data, {head.stride, 1, head.dtype}};
    return {sums.as<float>() + index * sums.strides[0], {params.heads.d_head, 1}};
  }

  void store(const Head& head, int64_t index) const {
    if (!sums) return;
    const int64_t D = params.heads.d_head;
    const float* const in = sums.as<float>() + index * sums.strides[0];
    for_rows(0, sums.extent(1), D,
             [&](int64_t t) { narrow(head.row(t), head.dtype, in + t * D, D); });
  }

  void run_head(int64_t b, int64_t h, int64_t g, Accumulate accumulate,
                const std::optional<DropoutLane>& lane) const {
    const AttentionShape& heads = params.heads;
    const HeadShape shape = head_shape(tensors.qkv, params);
    const int64_t T = shape.T;
    const SquareMatrix p = square_of(tensors.probabilities, b, h);
    const SquareMatrix d = square_of(tensors.scratch, b, h);
    const Head d_out = out_head(tensors.d_out, b, h);
    const KeySums d_keys = sums_of(d_head(b, key_column(heads, g)), 0);
    const KeySums d_values = sums_of(d_head(b, value_column(heads, g)), 1);
    const DropoutLane* const dropout = lane ? &*lane : nullptr;
    if (dropout) for_rows(0, T, T, [&](int64_t t) { drop_row(d, t, p, t, *dropout); });
    products.run(
        shape.d_values(d_values.layout, accumulate),
        {.c = d_values.data, .a = dropout ? d.data : p.data, .b = d_out.data, .scratch = scratch});
    products.run(shape.d_probabilities(),
                 {.c = d.data,
                  .a = d_out.data,
                  .b = qkv_head(tensors.qkv, b, value_column(heads, g)).data,
                  .scratch = scratch});
    for_rows(0, T, T, [&](int64_t t) {
      softmax_backward_row(d, p, t, score_scale(params.heads.d_head), dropout);
    });
    products.run(shape.d_queries(), {.c = d_head(b, query_column(heads, h)).data,
                                     .a = d.data,
                                     .b = qkv_head(tensors.qkv, b, key_column(heads, g)).data,
                                     .scratch = scratch});
    products.run(shape.d_keys(d_keys.layout, accumulate),
                 {.c = d_keys.data,
                  .a = d.data,
                  .b = qkv_head(tensors.qkv, b, query_column(heads, h)).data,
                  .scratch = scratch});
  }
};

}  // namespace

void manual_attention_forward(const Exec& exec, MatmulCache& products, const ManualForward& tensors,
                              const AttentionParams& params) {
  const Arena::Scope scope(exec.arena);
  const HeadShape shape = head_shape(tensors.qkv, params);
  const TensorView dropped =
      params.dropout ? exec.arena.allocate(shape.dtype, {kDroppedRows, shape.T}) : TensorView{};
  const int64_t n_rows = params.dropout ? std::min(kDroppedRows, shape.T) : shape.T;
  const int64_t n_last = (shape.T - 1) % n_rows + 1;
  float* const scratch = product_scratch(
      products, exec.arena, {shape.scores(), shape.outputs(n_rows), shape.outputs(n_last)});
  as_cpu_device(exec.device).enqueue(exec.stream, [=, &products] {
    Forward{products, tensors, params, dropped, scratch}.run();
  });
}

void manual_attention_backward(const Exec& exec, MatmulCache& products,
                               const ManualBackward& tensors, const AttentionParams& params) {
  const Arena::Scope scope(exec.arena);
  const HeadShape shape = head_shape(tensors.qkv, params);
  const bool sums_apart = shape.dtype != DType::f32 && params.heads.n_head > params.heads.n_kv_head;
  const TensorView sums =
      sums_apart ? exec.arena.allocate(DType::f32, {2, shape.T, shape.D}) : TensorView{};
  const MatrixLayout layout = sums ? MatrixLayout{shape.D, 1} : shape.in_qkv();
  const Accumulate last =
      params.heads.n_head > params.heads.n_kv_head ? Accumulate::yes : Accumulate::no;
  float* const scratch =
      product_scratch(products, exec.arena,
                      {shape.d_values(layout, Accumulate::no), shape.d_values(layout, last),
                       shape.d_keys(layout, Accumulate::no), shape.d_keys(layout, last),
                       shape.d_probabilities(), shape.d_queries()});
  as_cpu_device(exec.device).enqueue(exec.stream, [=, &products] {
    Backward{products, tensors, params, sums, scratch}.run();
  });
}

}  // namespace isoflop
