// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/sdpa_graph.hpp"

namespace isoflop {
namespace {

using Dims = CudnnGraph::Dims;
using Tensor = CudnnGraph::Tensor;

constexpr cudnnDataType_t kF32 = CUDNN_DATA_FLOAT;

/// Axes of scores (B, n_head, T, T).
constexpr int64_t kQueryAxis = 2;
constexpr int64_t kKeyAxis = 3;

/// Dimensions and strides of the tensors, in cuDNN's order (B, heads, T, d_head).
struct Geometry {
  explicit Geometry(const SdpaShape& s)
      : type(s.dtype == DType::f16 ? CUDNN_DATA_HALF : CUDNN_DATA_BFLOAT16),
        queries{s.B, s.n_head, s.T, s.d_head},
        keys{s.B, s.n_kv_head, s.T, s.d_head},
        keys_transposed{s.B, s.n_kv_head, s.d_head, s.T},
        scores{s.B, s.n_head, s.T, s.T},
        rows{s.B, s.n_head, s.T, 1},
        first_keys{s.B, 1, s.T, 1},
        has_first_keys(s.has_first_keys),
        token_stride((s.n_head + 2 * s.n_kv_head) * s.d_head),
        packed{s.T * token_stride, s.d_head, token_stride, 1},
        packed_transposed{s.T * token_stride, s.d_head, 1, token_stride},
        out_strides{s.T * s.n_head * s.d_head, s.d_head, s.n_head * s.d_head, 1},
        scores_transposed{s.n_head * s.T * s.T, s.T * s.T, 1, s.T} {}

  cudnnDataType_t type;  ///< of queries, keys, values, outputs and their gradients
  Dims queries, keys, keys_transposed, scores, rows, first_keys;
  bool has_first_keys;
  int64_t token_stride;
  Dims packed, packed_transposed;  ///< strides within qkv
  Dims out_strides;
  Dims scores_transposed;  ///< strides
};

/// Scores where low <= high, else -infinity.
Tensor keep_where_ordered(CudnnGraph& graph, const Geometry& g, Tensor scores, Tensor low,
                          Tensor high, Tensor masked_value) {
  const Tensor is_seen = graph.intermediate(CUDNN_DATA_BOOLEAN, g.scores);
  graph.greater_equal(is_seen, high, low);
  const Tensor masked = graph.intermediate(kF32, g.scores);
  graph.select(masked, is_seen, scores, masked_value);
  return masked;
}

/// Scores with those of later keys, and of keys before the first that is seen, replaced by
/// -infinity.
Tensor mask_keys(CudnnGraph& graph, const Geometry& g, Tensor scores) {
  const Tensor masked_value = graph.scalar(sdpa_id::kMasked);
  const Tensor query = graph.intermediate(CUDNN_DATA_INT32, g.scores);
  graph.index(query, scores, kQueryAxis);
  const Tensor key = graph.intermediate(CUDNN_DATA_INT32, g.scores);
  graph.index(key, scores, kKeyAxis);
  const Tensor causal = keep_where_ordered(graph, g, scores, key, query, masked_value);
  if (!g.has_first_keys) return causal;
  const Tensor first_keys = graph.tensor(sdpa_id::kFirstKeys, CUDNN_DATA_INT32, g.first_keys,
                                         CudnnGraph::row_major(g.first_keys));
  return keep_where_ordered(graph, g, causal, first_keys, key, masked_value);
}

/// An intermediate y = x (mode) b of scores.
Tensor on_scores(CudnnGraph& graph, const Geometry& g, cudnnPointwiseMode_t mode, Tensor x,
                 Tensor b = nullptr) {
  const Tensor y = graph.intermediate(kF32, g.scores);
  graph.pointwise(mode, y, x, b);
  return y;
}

/// An intermediate with one value per query, from scores.
Tensor reduce_rows(CudnnGraph& graph, const Geometry& g, cudnnReduceTensorOp_t op, Tensor x) {
  const Tensor y = graph.intermediate(kF32, g.rows);
  graph.reduce(op, y, x);
  return y;
}

/// scale Q K^T.
Tensor scaled_scores(CudnnGraph& graph, const Geometry& g, Tensor q, Tensor k_transposed,
                     Tensor scale) {
  const Tensor scores = graph.intermediate(kF32, g.scores);
  graph.matmul(scores, q, k_transposed);
  return on_scores(graph, g, CUDNN_POINTWISE_MUL, scores, scale);
}

/// kRowSum = sum over d_head of out * d_out, which is sum(probabilities * their gradient).
Tensor row_sums(CudnnGraph& graph, const Geometry& g, Tensor d_out) {
  const Tensor out = graph.tensor(sdpa_id::kOut, g.type, g.queries, g.out_strides);
  const Tensor product = graph.intermediate(kF32, g.queries);
  graph.pointwise(CUDNN_POINTWISE_MUL, product, d_out, out);
  const Tensor sum = graph.intermediate(kF32, g.rows);
  graph.reduce(CUDNN_REDUCE_TENSOR_ADD, sum, product);
  const Tensor result = graph.tensor(sdpa_id::kRowSum, kF32, g.rows, CudnnGraph::row_major(g.rows));
  // cuDNN knows the kernel by this product, with 1 / keep probability where there is dropout.
  graph.pointwise(CUDNN_POINTWISE_MUL, result, sum, graph.scalar(sdpa_id::kOne));
  return result;
}

/// exp(scores - log-sum-exp), recomputed.
Tensor probabilities_again(CudnnGraph& graph, const Geometry& g, Tensor q, Tensor k_transposed,
                           Tensor scale) {
  const Tensor lse = graph.tensor(sdpa_id::kLse, kF32, g.rows, CudnnGraph::row_major(g.rows));
  const Tensor scaled = scaled_scores(graph, g, q, k_transposed, scale);
  const Tensor normalised = on_scores(graph, g, CUDNN_POINTWISE_SUB, scaled, lse);
  return on_scores(graph, g, CUDNN_POINTWISE_EXP, mask_keys(graph, g, normalised));
}

/// gradient of keys or values = sum over the query heads of a group of x^T b.
void key_gradient(CudnnGraph& graph, const Geometry& g, int64_t id, Tensor x, Tensor b) {
  const Tensor gradient = graph.tensor(id, g.type, g.keys, g.packed);
  const Tensor transposed = graph.intermediate(g.type, g.scores, g.scores_transposed);
  graph.reshape(transposed, x);
  if (g.keys == g.queries) {
    graph.matmul(gradient, transposed, b);
    return;
  }
  const Tensor by_query_head = graph.intermediate(g.type, g.queries);
  graph.matmul(by_query_head, transposed, b);
  graph.reduce(CUDNN_REDUCE_TENSOR_ADD, gradient, by_query_head);
}

/// scale P * (d_out V^T - row sums).
Tensor score_gradient(CudnnGraph& graph, const Geometry& g, Tensor probabilities, Tensor d_out,
                      Tensor row_sum, Tensor scale) {
  const Tensor v_transposed =
      graph.tensor(sdpa_id::kV, g.type, g.keys_transposed, g.packed_transposed);
  const Tensor d_probabilities = graph.intermediate(kF32, g.scores);
  graph.matmul(d_probabilities, d_out, v_transposed);
  const Tensor centred = on_scores(graph, g, CUDNN_POINTWISE_SUB, d_probabilities, row_sum);
  const Tensor weighted = on_scores(graph, g, CUDNN_POINTWISE_MUL, centred, probabilities);
  return on_scores(graph, g, CUDNN_POINTWISE_MUL, weighted, scale);
}

/// d_scores K, through f32 sums in memory unless deterministic.
void query_gradient(CudnnGraph& graph, const Geometry& g, Tensor d_scores, Tensor k_transposed,
                    bool deterministic) {
  const Tensor d_q = graph.tensor(sdpa_id::kDQ, g.type, g.queries, g.packed);
  const Tensor k = graph.intermediate(kF32, g.keys, g.packed);
  graph.reshape(k, k_transposed);
  if (deterministic) {
    graph.matmul(d_q, d_scores, k);
    return;
  }
  const Tensor sum =
      graph.tensor(sdpa_id::kDQSum, kF32, g.queries, CudnnGraph::row_major(g.queries));
  graph.matmul(sum, d_scores, k);
  graph.pointwise(CUDNN_POINTWISE_IDENTITY, d_q, sum);
}

}  // namespace

CudnnGraph sdpa_forward_graph(const SdpaShape& shape) {
  const Geometry g(shape);
  CudnnGraph graph;
  const Tensor q = graph.tensor(sdpa_id::kQ, g.type, g.queries, g.packed);
  const Tensor k_transposed =
      graph.tensor(sdpa_id::kK, g.type, g.keys_transposed, g.packed_transposed);
  const Tensor v = graph.tensor(sdpa_id::kV, g.type, g.keys, g.packed);
  const Tensor out = graph.tensor(sdpa_id::kOut, g.type, g.queries, g.out_strides);
  const Tensor lse = graph.tensor(sdpa_id::kLse, kF32, g.rows, CudnnGraph::row_major(g.rows));

  const Tensor scale = graph.scalar(sdpa_id::kScale);
  const Tensor scaled = scaled_scores(graph, g, q, k_transposed, scale);
  const Tensor masked = mask_keys(graph, g, scaled);
  const Tensor largest = reduce_rows(graph, g, CUDNN_REDUCE_TENSOR_MAX, masked);
  const Tensor shifted = on_scores(graph, g, CUDNN_POINTWISE_SUB, masked, largest);
  const Tensor exponentials = on_scores(graph, g, CUDNN_POINTWISE_EXP, shifted);
  const Tensor sum = reduce_rows(graph, g, CUDNN_REDUCE_TENSOR_ADD, exponentials);
  const Tensor log_sum = graph.intermediate(kF32, g.rows);
  graph.pointwise(CUDNN_POINTWISE_LOG, log_sum, sum);
  graph.pointwise(CUDNN_POINTWISE_ADD, lse, largest, log_sum);
  const Tensor probabilities = graph.intermediate(g.type, g.scores);
  graph.pointwise(CUDNN_POINTWISE_DIV, probabilities, exponentials, sum);
  graph.matmul(out, probabilities, v);
  return graph;
}

CudnnGraph sdpa_backward_graph(const SdpaShape& shape) {
  const Geometry g(shape);
  CudnnGraph graph;
  const Tensor q = graph.tensor(sdpa_id::kQ, g.type, g.queries, g.packed);
  const Tensor k_transposed =
      graph.tensor(sdpa_id::kK, g.type, g.keys_transposed, g.packed_transposed);
  const Tensor d_out = graph.tensor(sdpa_id::kDOut, g.type, g.queries, g.out_strides);
  const Tensor scale = graph.scalar(sdpa_id::kScale);

  const Tensor row_sum = row_sums(graph, g, d_out);
  const Tensor probabilities = probabilities_again(graph, g, q, k_transposed, scale);
  key_gradient(graph, g, sdpa_id::kDV, probabilities, d_out);
  const Tensor d_scores = score_gradient(graph, g, probabilities, d_out, row_sum, scale);
  key_gradient(graph, g, sdpa_id::kDK, d_scores, q);
  query_gradient(graph, g, d_scores, k_transposed, shape.deterministic);
  return graph;
}

}  // namespace isoflop
