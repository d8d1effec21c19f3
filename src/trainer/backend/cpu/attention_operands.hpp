// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/cpu/attention_tiles.hpp"
#include "trainer/backend/cpu/tile_product.hpp"

/// Tiles as operands of tile products, on the stack. E is float, to which any type is converted, or
/// Bf16Pair, whose pairs run along the dimension that is summed over. Scores are stored transposed,
/// (key, query), so that queries are the vector lanes of the softmax.
namespace isoflop::attention {

/// Terms of a sum in one element.
template <typename E>
inline constexpr int64_t kTerms = 1;
template <>
inline constexpr int64_t kTerms<Bf16Pair> = 2;

/// Elements that hold n terms; a last half pair is completed by 0.
template <typename E>
constexpr int64_t n_elements(int64_t n) {
  return (n + kTerms<E> - 1) / kTerms<E>;
}

/// Scores, probabilities, their gradients or dropout factors, (key, query).
struct alignas(64) ScoreTile {
  float at[kTile * kTile];
};

/// Whether a head's products are of pairs: bf16 whose rows are whole vectors, on a processor that
/// multiplies them faster.
inline bool multiplies_pairs(const Head& head, int64_t D) {
  return head.dtype == DType::bf16 && D % 16 == 0 && has_fast_pair_products();
}

/// Left operand of a product: element (row, k) is data[row row_stride + k col_stride].
template <typename E>
struct Left {
  const E* data;
  int64_t row_stride, col_stride;
  Left from(int64_t row, int64_t k) const {
    return {data + row * row_stride + k * col_stride, row_stride, col_stride};
  }
};

/// Right operand: element (k, column) is data[k stride + column].
template <typename E>
struct Right {
  const E* data;
  int64_t stride;
  Right from(int64_t k, int64_t column) const { return {data + k * stride + column, stride}; }
};

/// Keys or values as (position, d_head / terms). What needs no conversion is read in place.
template <typename E>
class RowsOnLeft;
template <>
class RowsOnLeft<float> {
 public:
  RowsOnLeft(const Head& head, Range rows, int64_t D);
  RowsOnLeft(const RowsOnLeft&) = delete;
  RowsOnLeft& operator=(const RowsOnLeft&) = delete;
  Left<float> view() const { return view_; }

 private:
  Left<float> view_;
  alignas(64) float at_[kTile * kMaxHead];
};
template <>
class RowsOnLeft<Bf16Pair> {
 public:
  RowsOnLeft(const Head& head, Range rows, int64_t)
      : view_{static_cast<const Bf16Pair*>(head.row(rows.begin)), head.stride / 2, 1} {}
  Left<Bf16Pair> view() const { return view_; }

 private:
  Left<Bf16Pair> view_;
};

/// Rows that are summed over: (position / terms, d_head).
template <typename E>
class RowsOnRight {
 public:
  RowsOnRight(const Head& head, Range rows, int64_t D);
  Right<E> view() const { return {at_, D_}; }

 private:
  int64_t D_;
  alignas(64) E at_[kTile * kMaxHead / kTerms<E>];
};

/// Queries or gradients of outputs: (d_head / terms, query), queries past the end 0.
template <typename E>
class ColumnsOnRight {
 public:
  ColumnsOnRight(const Head& head, Range rows, int64_t D);
  Right<E> view() const { return {at_, kTile}; }

 private:
  alignas(64) E at_[kTile * kMaxHead / kTerms<E>];
};

/// A score tile as (key, query / terms): sums over queries. f32 is read in place.
template <typename E>
class ScoresByKey;
template <>
class ScoresByKey<float> {
 public:
  ScoresByKey(const ScoreTile& scores, int64_t) : scores_(scores) {}
  Left<float> view() const { return {scores_.at, kTile, 1}; }

 private:
  const ScoreTile& scores_;
};
template <>
class ScoresByKey<Bf16Pair> {
 public:
  ScoresByKey(const ScoreTile& scores, int64_t n_keys);
  Left<Bf16Pair> view() const { return {at_, kTile / 2, 1}; }

 private:
  alignas(64) Bf16Pair at_[kTile * kTile / 2];
};

/// A score tile as (query, key / terms): sums over keys. f32 is read in place.
template <typename E>
class ScoresByQuery;
template <>
class ScoresByQuery<float> {
 public:
  ScoresByQuery(const ScoreTile& scores, int64_t) : scores_(scores) {}
  Left<float> view() const { return {scores_.at, 1, kTile}; }

 private:
  const ScoreTile& scores_;
};
template <>
class ScoresByQuery<Bf16Pair> {
 public:
  ScoresByQuery(const ScoreTile& scores, int64_t n_keys);
  Left<Bf16Pair> view() const { return {at_, 1, kTile}; }

 private:
  alignas(64) Bf16Pair at_[kTile * kTile / 2];
};

}  // namespace isoflop::attention
