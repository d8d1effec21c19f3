// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <set>
#include <tuple>
#include <vector>

namespace isoflop::test {

/// One value a factor, by its index.
using Row = std::vector<std::size_t>;

/// Every combination; the last factor turns fastest.
inline std::vector<Row> all_rows(const std::vector<std::size_t>& n_values) {
  std::vector<Row> rows = {{}};
  for (const std::size_t n : n_values) {
    std::vector<Row> longer;
    for (const Row& row : rows)
      for (std::size_t value = 0; value < n; ++value) {
        longer.push_back(row);
        longer.back().push_back(value);
      }
    rows = std::move(longer);
  }
  return rows;
}

/// Rows in which any two values of two factors meet at least once: of all combinations the one that
/// brings most new pairs, again and again (Cohen et al., IEEE Trans. Software Eng. 23(7), 1997).
inline std::vector<Row> pairwise_rows(const std::vector<std::size_t>& n_values) {
  using Pair = std::tuple<std::size_t, std::size_t, std::size_t, std::size_t>;
  const auto pairs_of = [](const Row& row) {
    std::set<Pair> pairs;
    for (std::size_t a = 0; a < row.size(); ++a)
      for (std::size_t b = a + 1; b < row.size(); ++b) pairs.insert({a, row[a], b, row[b]});
    return pairs;
  };
  const std::vector<Row> all = all_rows(n_values);
  std::set<Pair> missing;
  for (const Row& row : all) missing.merge(pairs_of(row));
  std::vector<Row> rows;
  while (!missing.empty()) {
    const Row* best = nullptr;
    std::size_t most = 0;
    for (const Row& row : all) {
      std::size_t n_new = 0;
      for (const Pair& pair : pairs_of(row)) n_new += missing.count(pair);
      if (n_new > most) {
        most = n_new;
        best = &row;
      }
    }
    for (const Pair& pair : pairs_of(*best)) missing.erase(pair);
    rows.push_back(*best);
  }
  return rows;
}

}  // namespace isoflop::test
