// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/manual_attention.hpp"

#include "trainer/backend/cuda/attention_rows.hpp"
#include "trainer/backend/op_contracts.hpp"

#include <algorithm>
#include <cstddef>

namespace isoflop::manual_attention {
namespace {

/// The products of one head of T tokens. In packed queries, keys and values its rows lie
/// `packed_stride` elements apart, in outputs `out_stride`; both start on multiples of D.
struct HeadProducts {
  HeadProducts(const AttentionShape& heads, int64_t seq_len, DType dtype)
      : T(seq_len),
        D(heads.d_head),
        packed_stride((heads.n_head + 2 * heads.n_kv_head) * D),
        out_stride(heads.n_head * D),
        compute(dtype),
        shares_keys(heads.n_head > heads.n_kv_head) {}

  int64_t T, D, packed_stride, out_stride;
  DType compute;
  bool shares_keys;

  /// scores (T, T) = Q K^T.
  MatmulShape scores() const { return by_transposed(packed_stride, packed_stride); }
  /// gradients of probabilities (T, T) = d_out V^T.
  MatmulShape d_probabilities() const { return by_transposed(out_stride, packed_stride); }
  /// out (T, D) = P V.
  MatmulShape out() const { return of_square(packed_stride, out_stride); }
  /// d_q (T, D) = dS K.
  MatmulShape d_queries() const { return of_square(packed_stride, packed_stride); }
  /// d_v (T, D) [+]= P^T d_out.
  MatmulShape d_values(bool accumulate) const { return into_keys(out_stride, accumulate); }
  /// d_k (T, D) [+]= dS^T Q.
  MatmulShape d_keys(bool accumulate) const { return into_keys(packed_stride, accumulate); }

 private:
  MatmulShape by_transposed(int64_t a_stride, int64_t b_stride) const {
    return {.M = T,
            .N = T,
            .K = D,
            .transpose_b = true,
            .a_stride = a_stride,
            .b_stride = b_stride,
            .c_stride = T,
            .starts = D,
            .in = compute,
            .out = compute};
  }
  MatmulShape of_square(int64_t b_stride, int64_t c_stride) const {
    return {.M = T,
            .N = D,
            .K = T,
            .a_stride = T,
            .b_stride = b_stride,
            .c_stride = c_stride,
            .starts = D,
            .in = compute,
            .out = compute};
  }
  /// Where query heads share keys, f32 sums without gaps.
  MatmulShape into_keys(int64_t b_stride, bool accumulate) const {
    return {.M = T,
            .N = D,
            .K = T,
            .transpose_a = true,
            .a_stride = T,
            .b_stride = b_stride,
            .c_stride = shares_keys ? D : packed_stride,
            .starts = D,
            .in = compute,
            .out = shares_keys ? DType::f32 : compute,
            .accumulate = accumulate};
  }
};

/// The rows of a head within packed queries, keys and values.
void* packed_head(const TensorView& packed, int64_t b, int64_t column) {
  return static_cast<std::byte*>(packed.data) +
         (b * packed.strides[0] + column * packed.strides[2]) * size_of(packed.dtype);
}

/// The rows of a head within (B, T, n_head, d_head).
void* out_head(const TensorView& out, HeadOf head) { return packed_head(out, head.b, head.h); }

/// The (T, T) of a head within (B, n_head, T, T).
TensorView square_of(const TensorView& squares, HeadOf head) {
  const int64_t T = squares.extent(3);
  return squares.flat_slice(head.b * squares.strides[0] + head.h * squares.strides[1], {T, T});
}

HeadProducts products_of(const TensorView& qkv, const AttentionParams& params) {
  return {params.heads, qkv.extent(1), qkv.dtype};
}

struct Backward {
  const Exec& exec;
  MatmulPlans& plans;
  TensorView d_qkv, scratch, d_out, qkv, probabilities;
  const AttentionParams& params;
  TensorView sums;  ///< (2, T, d_head) f32 of keys and values; none: each has one query head
  HeadProducts shapes = products_of(qkv, params);

  int64_t key_column(int64_t g) const { return params.heads.n_head + g; }
  int64_t value_column(int64_t g) const { return key_column(g) + params.heads.n_kv_head; }

  /// Of keys (0) or values (1), which are at `column`.
  void* sums_at(int which, int64_t b, int64_t column) const {
    return sums ? sums.as<float>() + which * sums.strides[0] : packed_head(d_qkv, b, column);
  }

  void run_group(int64_t b, int64_t g) const {
    const int64_t group = params.heads.n_head / params.heads.n_kv_head;
    for (int64_t member = 0; member < group; ++member)
      run_head({b, g * group + member}, g, member > 0);
    if (!sums) return;
    const int64_t columns[] = {key_column(g), value_column(g)};
    for (int which = 0; which < 2; ++which)
      store_rows(exec, packed_head(d_qkv, b, columns[which]), shapes.packed_stride, d_qkv.dtype,
                 sums.flat_slice(which * sums.strides[0], {shapes.T, shapes.D}));
  }

  void run_head(HeadOf head, int64_t g, bool accumulate) const {
    const TensorView p = square_of(probabilities, head), d = square_of(scratch, head);
    const void* const d_out_rows = out_head(d_out, head);
    if (params.dropout) drop(exec, d, p, head, params);
    plans.run(exec, shapes.d_values(accumulate), sums_at(1, head.b, value_column(g)),
              params.dropout ? d.data : p.data, d_out_rows);
    plans.run(exec, shapes.d_probabilities(), d.data, d_out_rows,
              packed_head(qkv, head.b, value_column(g)));
    softmax_backward(exec, d, p, head, params);
    plans.run(exec, shapes.d_queries(), packed_head(d_qkv, head.b, head.h), d.data,
              packed_head(qkv, head.b, key_column(g)));
    plans.run(exec, shapes.d_keys(accumulate), sums_at(0, head.b, key_column(g)), d.data,
              packed_head(qkv, head.b, head.h));
  }
};

}  // namespace

int64_t prepare(MatmulPlans& plans, const AttentionShape& heads, int64_t seq_len, DType compute,
                bool has_dropout) {
  const HeadProducts shapes(heads, seq_len, compute);
  for (const MatmulShape& shape :
       {shapes.scores(), shapes.out(), shapes.d_probabilities(), shapes.d_queries(),
        shapes.d_values(false), shapes.d_keys(false), shapes.d_values(shapes.shares_keys),
        shapes.d_keys(shapes.shares_keys)})
    plans.prepare(shape);
  const int64_t dropped = has_dropout ? seq_len * seq_len * size_of(compute) : 0;
  const int64_t sums = shapes.shares_keys ? 2 * seq_len * heads.d_head * size_of(DType::f32) : 0;
  return aligned_bytes(std::max(dropped, sums)) + aligned_bytes(plans.workspace_bytes());
}

void forward(const Exec& exec, MatmulPlans& plans, TensorView out, TensorView probabilities,
             TensorView qkv, const AttentionParams& params) {
  check_attention(out, probabilities, qkv, params);
  const HeadProducts shapes = products_of(qkv, params);
  const AttentionShape& heads = params.heads;
  const Arena::Scope scope(exec.arena);
  const TensorView dropped =
      params.dropout ? exec.arena.allocate(shapes.compute, {shapes.T, shapes.T}) : TensorView{};
  for (int64_t b = 0; b < qkv.extent(0); ++b) {
    for (int64_t h = 0; h < heads.n_head; ++h) {
      const TensorView p = square_of(probabilities, {b, h});
      const int64_t key = heads.n_head + h / (heads.n_head / heads.n_kv_head);
      plans.run(exec, shapes.scores(), p.data, packed_head(qkv, b, h), packed_head(qkv, b, key));
      softmax(exec, p, {b, h}, params);
      if (dropped) drop(exec, dropped, p, {b, h}, params);
      plans.run(exec, shapes.out(), out_head(out, {b, h}), dropped ? dropped.data : p.data,
                packed_head(qkv, b, key + heads.n_kv_head));
    }
  }
}

void backward(const Exec& exec, MatmulPlans& plans, TensorView d_qkv, TensorView scratch,
              TensorView d_out, TensorView qkv, TensorView probabilities,
              const AttentionParams& params) {
  check_attention(d_out, scratch, d_qkv, params);
  check_attention(d_out, probabilities, qkv, params);
  const AttentionShape& heads = params.heads;
  const Arena::Scope scope(exec.arena);
  const TensorView sums = heads.n_head > heads.n_kv_head
                              ? exec.arena.allocate(DType::f32, {2, qkv.extent(1), heads.d_head})
                              : TensorView{};
  const Backward pass{exec, plans, d_qkv, scratch, d_out, qkv, probabilities, params, sums};
  for (int64_t b = 0; b < qkv.extent(0); ++b)
    for (int64_t g = 0; g < heads.n_kv_head; ++g) pass.run_group(b, g);
}

}  // namespace isoflop::manual_attention
