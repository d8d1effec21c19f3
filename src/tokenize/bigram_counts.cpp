// SPDX-License-Identifier: MIT
#include "tokenize/bigram_counts.hpp"

#include "core/base/check.hpp"
#include "core/data/token_shard.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace isoflop {

BigramCounts::BigramCounts(int64_t vocab_size)
    : vocab_size_(vocab_size), counts_(static_cast<std::size_t>(vocab_size * vocab_size)) {
  ISOFLOP_CHECK(vocab_size <= kMaxCountedVocab);
}

void BigramCounts::add(std::span<const int32_t> tokens) {
  if (tokens.empty()) return;
  if (!previous_) {
    previous_ = tokens.front();
    tokens = tokens.subspan(1);
  }
  int32_t previous = *previous_;
  for (const int32_t token : tokens) {
    ++counts_[static_cast<std::size_t>(previous * vocab_size_ + token)];
    previous = token;
  }
  previous_ = previous;
}

int64_t BigramCounts::n_pairs() const {
  return std::accumulate(counts_.begin(), counts_.end(), int64_t{0});
}

int64_t BigramCounts::count(int64_t first, int64_t second) const {
  return counts_[static_cast<std::size_t>(first * vocab_size_ + second)];
}

int64_t BigramCounts::count_as_first(int64_t first) const {
  const auto row = counts_.begin() + first * vocab_size_;
  return std::accumulate(row, row + vocab_size_, int64_t{0});
}

int64_t BigramCounts::count_as_second(int64_t second) const {
  int64_t total = 0;
  for (int64_t first = 0; first < vocab_size_; ++first) total += count(first, second);
  return total;
}

namespace {

constexpr int64_t kChunkTokens = int64_t{1} << 18;

/// -ln of the add-one smoothed probability of an event seen `count` times in `total`.
double smoothed_nats(int64_t count, int64_t total, int64_t vocab_size) {
  return std::log(static_cast<double>(total + vocab_size) / static_cast<double>(count + 1));
}

double unigram_nats(const BigramCounts& train, const BigramCounts& val) {
  const int64_t n_train = train.n_pairs();
  double sum = 0;
  for (int64_t token = 0; token < val.vocab_size(); ++token)
    sum += static_cast<double>(val.count_as_second(token)) *
           smoothed_nats(train.count_as_second(token), n_train, val.vocab_size());
  return sum / static_cast<double>(val.n_pairs());
}

double bigram_nats(const BigramCounts& train, const BigramCounts& val) {
  double sum = 0;
  for (int64_t first = 0; first < val.vocab_size(); ++first) {
    const int64_t n_first = train.count_as_first(first);
    for (int64_t second = 0; second < val.vocab_size(); ++second)
      sum += static_cast<double>(val.count(first, second)) *
             smoothed_nats(train.count(first, second), n_first, val.vocab_size());
  }
  return sum / static_cast<double>(val.n_pairs());
}

}  // namespace

BigramCounts count_bigrams(const std::filesystem::path& folder, const SplitIndex& split,
                           int64_t vocab_size) {
  BigramCounts counts(vocab_size);
  std::vector<int32_t> tokens;
  for (const ShardEntry& entry : split.shards) {
    const TokenShard shard(folder / entry.file);
    for (int64_t first = 0; first < shard.n_tokens(); first += kChunkTokens) {
      tokens.resize(static_cast<std::size_t>(std::min(kChunkTokens, shard.n_tokens() - first)));
      shard.read(first, tokens);
      counts.add(tokens);
    }
  }
  return counts;
}

std::optional<NgramBaselines> ngram_baselines(const BigramCounts& train, const BigramCounts& val) {
  ISOFLOP_CHECK(train.vocab_size() == val.vocab_size());
  if (train.n_pairs() == 0 || val.n_pairs() == 0) return std::nullopt;
  return NgramBaselines{.unigram_nats_per_token = unigram_nats(train, val),
                        .bigram_nats_per_token = bigram_nats(train, val)};
}

}  // namespace isoflop
