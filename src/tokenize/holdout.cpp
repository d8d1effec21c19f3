// SPDX-License-Identifier: MIT
#include "tokenize/holdout.hpp"

#include "core/base/check.hpp"
#include "core/base/format.hpp"
#include "core/base/mix_bits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>
#include <vector>

namespace isoflop {
namespace {

uint64_t hash_of(int64_t number, uint64_t seed) {
  return mix_bits(mix_bits(seed) ^ static_cast<uint64_t>(number));
}

/// The `count` numbers below `n` with the smallest hashes.
std::set<int64_t> choose(int64_t n, int64_t count, uint64_t seed) {
  std::vector<std::pair<uint64_t, int64_t>> ranked;
  for (int64_t number = 0; number < n; ++number) ranked.emplace_back(hash_of(number, seed), number);
  std::sort(ranked.begin(), ranked.end());
  std::set<int64_t> chosen;
  for (int64_t i = 0; i < count; ++i) chosen.insert(ranked[static_cast<std::size_t>(i)].second);
  return chosen;
}

}  // namespace

Holdout::Holdout(std::string description, Predicate predicate)
    : description_(std::move(description)), predicate_(std::move(predicate)) {}

Holdout Holdout::tail(int64_t n_text_bytes, double fraction) {
  const auto n_val = static_cast<int64_t>(std::floor(static_cast<double>(n_text_bytes) * fraction));
  Holdout holdout(fmt::format("the last {} of the one document", format_percent(fraction, 2)),
                  [](int64_t, int64_t document) { return document > 0; });
  holdout.tail_start_ = n_text_bytes - n_val;
  return holdout;
}

Holdout Holdout::some_files(int64_t n_files, double fraction, uint64_t seed) {
  ISOFLOP_CHECK(n_files >= 2);
  const auto wanted = std::llround(static_cast<double>(n_files) * fraction);
  const int64_t count = std::clamp<int64_t>(wanted, 1, n_files - 1);
  const std::set<int64_t> chosen = choose(n_files, count, seed);
  return {fmt::format("{} of {} files, chosen by hash with seed {}", count, n_files, seed),
          [chosen](int64_t file, int64_t) { return chosen.contains(file); }};
}

Holdout Holdout::some_documents(double fraction, uint64_t seed) {
  const double threshold = std::ldexp(fraction, 64);
  return {fmt::format("each document with probability {}, by hash with seed {}",
                      format_percent(fraction, 2), seed),
          [threshold, seed](int64_t, int64_t document) {
            return static_cast<double>(hash_of(document, seed)) < threshold;
          }};
}

Holdout Holdout::files_from(int64_t first) {
  return {"the files given as --val-files",
          [first](int64_t file, int64_t) { return file >= first; }};
}

Holdout Holdout::nothing() {
  return {"nothing is held out", [](int64_t, int64_t) { return false; }};
}

}  // namespace isoflop
