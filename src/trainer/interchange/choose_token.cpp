// SPDX-License-Identifier: MIT
#include "trainer/interchange/choose_token.hpp"

#include "trainer/tensor/philox.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace isoflop {
namespace {

/// Ids by falling logit; those behind the `n` largest are left out.
std::vector<int32_t> largest_ids(std::span<const float> logits, std::size_t n) {
  std::vector<int32_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  const auto logit = [&](int32_t id) { return logits[static_cast<std::size_t>(id)]; };
  const auto before = [&](int32_t a, int32_t b) {
    return logit(a) != logit(b) ? logit(a) > logit(b) : a < b;
  };
  std::partial_sort(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(n), ids.end(), before);
  ids.resize(n);
  return ids;
}

/// e^((logit - the largest) / temperature), in order of `ids`.
std::vector<double> weights_of(std::span<const float> logits, const std::vector<int32_t>& ids,
                               double temperature) {
  const auto logit = [&](int32_t id) {
    return static_cast<double>(logits[static_cast<std::size_t>(id)]);
  };
  std::vector<double> weights;
  for (const int32_t id : ids)
    weights.push_back(std::exp((logit(id) - logit(ids.front())) / temperature));
  return weights;
}

/// The first place at which the running sum of `weights` exceeds `sum`, the last at the latest.
std::size_t place_of(const std::vector<double>& weights, double sum) {
  double running = 0;
  for (std::size_t i = 0; i < weights.size(); ++i)
    if ((running += weights[i]) > sum) return i;
  return weights.size() - 1;
}

double sum_of(const std::vector<double>& weights) {
  return std::accumulate(weights.begin(), weights.end(), 0.0);
}

}  // namespace

int32_t choose_token(std::span<const float> logits, const SamplingParams& params, double uniform) {
  const bool is_greedy = params.temperature <= 0;
  std::size_t n = logits.size();
  if (params.top_k > 0) n = std::min(n, static_cast<std::size_t>(params.top_k));
  const std::vector<int32_t> ids = largest_ids(logits, is_greedy ? 1 : n);
  if (is_greedy) return ids.front();
  std::vector<double> weights = weights_of(logits, ids, params.temperature);
  // the token that reaches top_p is kept, so that one always is
  if (params.top_p < 1) {
    const double wanted = params.top_p * sum_of(weights);
    weights.resize(place_of(weights, std::nextafter(wanted, 0.0)) + 1);
  }
  return ids[place_of(weights, uniform * sum_of(weights))];
}

double sampling_number(uint64_t seed, int64_t sample, int64_t position) {
  const auto words =
      philox4x32({static_cast<uint32_t>(position), static_cast<uint32_t>(position >> 32),
                  static_cast<uint32_t>(sample), static_cast<uint32_t>(sample >> 32)},
                 {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
  return (words[0] + 0x1p-32 * words[1]) * 0x1p-32;
}

}  // namespace isoflop
