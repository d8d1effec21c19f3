// SPDX-License-Identifier: MIT
#include "core/model/architecture.hpp"
#include "trainer/backend/cuda/column_sum.cuh"
#include "trainer/backend/cuda/column_sum.hpp"
#include "trainer/backend/cuda/cuda_device.hpp"
#include "trainer/backend/cuda/cuda_ops.hpp"
#include "trainer/backend/cuda/dispatch.cuh"
#include "trainer/backend/cuda/element.cuh"
#include "trainer/backend/cuda/grid.cuh"
#include "trainer/backend/cuda/launch.cuh"
#include "trainer/backend/cuda/norm_row.cuh"
#include "trainer/backend/cuda/scratch.hpp"
#include "trainer/backend/op_contracts.hpp"

namespace isoflop {
namespace {

using namespace gpu;

/// The normed heads of n_token tokens: queries, then keys. The packed buffer has the values behind.
struct Heads {
  int64_t n_token;
  int n_query, n_key, d_head;
  bool centred;
  float eps;

  __host__ __device__ int n_normed() const { return n_query + n_key; }
  __host__ __device__ int64_t n_rows() const { return n_token * n_normed(); }
  /// Where normed head `row` begins in packed queries, keys and values.
  __device__ int64_t in_packed(int64_t row) const {
    return (row / n_normed() * (n_normed() + n_key) + row % n_normed()) * d_head;
  }
  __device__ bool is_query(int64_t row) const { return row % n_normed() < n_query; }
};

Heads normed_heads(const TensorView& qk, const AttentionShape& heads, const NormParams& params) {
  return {.n_token = qk.extent(0),
          .n_query = static_cast<int>(heads.n_head),
          .n_key = static_cast<int>(heads.n_kv_head),
          .d_head = static_cast<int>(heads.d_head),
          .centred = row_of(params.kind).centred,
          .eps = static_cast<float>(params.eps)};
}

/// Of queries and keys; biases may be null.
template <typename T>
struct Weights {
  const T *query, *query_bias, *key, *key_bias;

  explicit Weights(const QkNormTensors& tensors)
      : query(static_cast<const T*>(tensors.q_weight.data)),
        query_bias(static_cast<const T*>(tensors.q_bias.data)),
        key(static_cast<const T*>(tensors.k_weight.data)),
        key_bias(static_cast<const T*>(tensors.k_bias.data)) {}
};

/// The row of the thread's lanes. Those behind the last have no columns but take part in sums.
template <int kLanes>
__device__ int64_t row_of_lanes() {
  return global_thread() / kLanes;
}

/// One head per kLanes lanes: reads the head once, writes it normed, and a copy as it was.
template <typename T, int kPack, int kLanes>
__global__ void __launch_bounds__(kThreads)
    qk_norm_forward_kernel(T* qkv, T* qk, float* stats, Weights<T> weights, Heads heads) {
  const LanesOfRow<kLanes> lanes;
  const int64_t row = row_of_lanes<kLanes>();
  const bool exists = row < heads.n_rows();
  const int64_t D = exists ? heads.d_head : 0;
  T* const x = qkv + heads.in_packed(row);
  T* const kept = qk + row * heads.d_head;
  float sum = 0;
  for_columns<kPack>(lanes, D, [&](int64_t column) {
    const Pack<kPack> values = load<kPack>(x + column);
    store(kept + column, values);
    for (int i = 0; i < kPack; ++i) sum += values[i];
  });
  const RowStats of_row = row_stats<kPack>(lanes, kept, sum, D, heads.centred, heads.eps);
  if (exists && lanes.index() == 0) store_stats(stats, row, heads.centred, of_row);
  const bool is_query = heads.is_query(row);
  normalise<kPack>(lanes, x, kept, is_query ? weights.query : weights.key,
                   is_query ? weights.query_bias : weights.key_bias, of_row, D);
}

/// One head per kLanes lanes: its gradient in place; reads that and the head as it was, twice (the
/// second time from cache).
template <typename T, int kPack, int kLanes>
__global__ void __launch_bounds__(kThreads)
    qk_norm_backward_kernel(T* d_qkv, const T* qk, const float* stats, Weights<T> weights,
                            Heads heads) {
  const LanesOfRow<kLanes> lanes;
  const int64_t row = row_of_lanes<kLanes>();
  const bool exists = row < heads.n_rows();
  T* const d_x = d_qkv + heads.in_packed(row);
  norm_gradient<kPack>(
      lanes, d_x,
      GradientOperands<T>{d_x, qk + row * heads.d_head,
                          heads.is_query(row) ? weights.query : weights.key,
                          exists ? load_stats(stats, row, heads.centred) : RowStats{}},
      exists ? heads.d_head : 0, heads.centred);
}

/// Whose weight's gradient is summed: heads [first, first + count) of each token.
struct HeadRange {
  int first, count;
};

/// Partial sums over tokens, apart for each head of the range, of d_out xhat (weight) and d_out
/// (bias): partials (kSums, parts, count, d_head). Reads both operands once.
template <typename T, int kPack, int kSums>
__global__ void __launch_bounds__(kThreads)
    qk_norm_weight_kernel(float* partials, const T* d_qkv, const T* qk, const float* stats,
                          HeadRange range, Heads heads, int64_t per_part) {
  const int64_t columns = int64_t{range.count} * heads.d_head;
  sum_rows_of_part<kPack, kSums>(
      partials, heads.n_token, per_part, columns, [=](int64_t token, int64_t column) {
        const int64_t row = token * heads.n_normed() + range.first + column / heads.d_head;
        const int64_t within = column % heads.d_head;
        const RowStats of_row = load_stats(stats, row, heads.centred);
        const Pack<kPack> d_out = load<kPack>(d_qkv + heads.in_packed(row) + within);
        const Pack<kPack> x = load<kPack>(qk + row * heads.d_head + within);
        ColumnValues<kPack, kSums> result;
        for (int i = 0; i < kPack; ++i)
          result.values[0][i] = d_out[i] * ((x[i] - of_row.mean) * of_row.rstd);
        if constexpr (kSums == 2) result.values[1] = d_out;
        return result;
      });
}

/// What the gradient of weights is summed from.
template <typename T>
struct WeightOperands {
  const T *d_qkv, *qk;
  const float* stats;
  int64_t bytes;  ///< of the operands of all heads
};

/// d_weight, d_bias (d_head) += the sums over tokens and heads of the range.
template <int kSums, int kPack, typename T>
void add_weight_gradients(const Exec& exec, TensorView d_weight, TensorView d_bias,
                          const WeightOperands<T>& operands, HeadRange range, const Heads& heads) {
  const Arena::Scope scope(exec.arena);
  const int64_t columns = int64_t{range.count} * heads.d_head, parts = n_row_parts(heads.n_token);
  const TensorView partials =
      exec.arena.allocate(DType::f32, {int64_t{kSums}, parts * range.count, heads.d_head});
  launch(native_stream(exec),
         column_sum_shape<kPack, kSums>("qk_norm_weight", heads.n_token, columns,
                                        operands.bytes * range.count / heads.n_normed()),
         qk_norm_weight_kernel<T, kPack, kSums>, partials.as<float>(), operands.d_qkv, operands.qk,
         operands.stats, range, heads, rows_per_part(heads.n_token));
  const auto add = [&](TensorView sum, int64_t which) {
    add_column_sums(exec, sum,
                    partials.flat_slice(which * partials.strides[0],
                                        {parts * range.count, int64_t{heads.d_head}}));
  };
  add(d_weight, 0);
  if constexpr (kSums == 2) add(d_bias, 1);
}

/// Calls f.template operator()<kLanes>() with as many lanes as a head has packs, if it can.
template <typename F>
void with_lanes(int64_t n_packs, const F& f) {
  if (n_packs <= 8) return f.template operator()<8>();
  if (n_packs <= 16) return f.template operator()<16>();
  f.template operator()<32>();
}

LaunchShape shape_for(const char* name, const Heads& heads, int lanes, KernelBytes bytes) {
  return {name, blocks_for(heads.n_rows() * lanes), kThreads, 0, 1, bytes};
}

}  // namespace

int64_t qk_norm_scratch_bytes(int64_t n_token, const AttentionShape& heads) {
  const int64_t rows = n_row_parts(n_token) * heads.n_head;
  return 2 * aligned_bytes(rows * heads.d_head * size_of(DType::f32)) +
         column_sum_scratch_bytes(rows, heads.d_head);
}

void CudaOps::qk_norm_forward(const Exec& exec, TensorView qkv, TensorView qk, TensorView stats,
                              const QkNormTensors& weights, const AttentionShape& heads,
                              const NormParams& params) {
  check_qk_norm(qkv, qk, stats, weights, heads, params);
  const Heads normed = normed_heads(qk, heads, params);
  with_pack(qkv.dtype, heads.d_head,
            {qkv, qk, weights.q_weight, weights.q_bias, weights.k_weight, weights.k_bias},
            [&]<typename T, int kPack>() {
              with_lanes(heads.d_head / kPack, [&]<int kLanes>() {
                launch(native_stream(exec),
                       shape_for("qk_norm_forward", normed, kLanes,
                                 {qk.bytes(), 2 * qk.bytes() + stats.bytes()}),
                       qk_norm_forward_kernel<T, kPack, kLanes>, static_cast<T*>(qkv.data),
                       static_cast<T*>(qk.data), stats.as<float>(), Weights<T>(weights), normed);
              });
            });
}

void CudaOps::qk_norm_backward(const Exec& exec, TensorView d_qkv, const QkNormTensors& d_weights,
                               TensorView qk, TensorView stats, const QkNormTensors& weights,
                               const AttentionShape& heads, const NormParams& params) {
  check_qk_norm(d_qkv, qk, stats, weights, heads, params);
  const Heads normed = normed_heads(qk, heads, params);
  with_pack(d_qkv.dtype, heads.d_head, {d_qkv, qk, weights.q_weight, weights.k_weight},
            [&]<typename T, int kPack>() {
              const WeightOperands<T> operands{static_cast<const T*>(d_qkv.data),
                                               static_cast<const T*>(qk.data), stats.as<float>(),
                                               2 * qk.bytes() + stats.bytes()};
              const HeadRange queries{0, normed.n_query}, keys{normed.n_query, normed.n_key};
              // Before the gradients of the heads take the place of those of the normed heads.
              const auto add = [&]<int kSums>() {
                add_weight_gradients<kSums, kPack>(exec, d_weights.q_weight, d_weights.q_bias,
                                                   operands, queries, normed);
                add_weight_gradients<kSums, kPack>(exec, d_weights.k_weight, d_weights.k_bias,
                                                   operands, keys, normed);
              };
              if (d_weights.q_bias)
                add.template operator()<2>();
              else
                add.template operator()<1>();
              with_lanes(heads.d_head / kPack, [&]<int kLanes>() {
                launch(native_stream(exec),
                       shape_for("qk_norm_backward", normed, kLanes,
                                 {2 * qk.bytes() + stats.bytes(), qk.bytes()}),
                       qk_norm_backward_kernel<T, kPack, kLanes>, static_cast<T*>(d_qkv.data),
                       operands.qk, operands.stats, Weights<T>(weights), normed);
              });
            });
}

}  // namespace isoflop
