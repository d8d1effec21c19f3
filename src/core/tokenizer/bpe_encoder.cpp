// SPDX-License-Identifier: MIT
#include "core/tokenizer/bpe_encoder.hpp"

#include <algorithm>
#include <cstring>
#include <functional>
#include <queue>

namespace isoflop {
namespace {

constexpr std::size_t kRememberedWords = std::size_t{1} << 15;  // 2 MiB, the size of a core's cache
/// Up to here looking through all pairs is faster than a heap of them.
constexpr std::size_t kShortBytes = 128;

}  // namespace

BpeEncoder::BpeEncoder(const BpeVocabulary& vocabulary)
    : vocabulary_(vocabulary), remembered_(kRememberedWords) {}

void BpeEncoder::encode(std::string_view word, std::vector<int32_t>& tokens) {
  if (word.size() > Remembered::kMaxBytes) return merge(word, tokens);
  Remembered& slot = remembered_[std::hash<std::string_view>{}(word) % kRememberedWords];
  if (slot.n_bytes == word.size() &&
      std::memcmp(slot.bytes.data(), word.data(), word.size()) == 0) {
    tokens.insert(tokens.end(), slot.tokens.begin(), slot.tokens.begin() + slot.n_tokens);
    return;
  }
  const std::size_t first = tokens.size();
  merge(word, tokens);
  const std::size_t n_tokens = tokens.size() - first;
  if (n_tokens > Remembered::kMaxTokens) return;
  slot.n_bytes = static_cast<uint8_t>(word.size());
  slot.n_tokens = static_cast<uint8_t>(n_tokens);
  std::copy(word.begin(), word.end(), slot.bytes.begin());
  std::copy(tokens.begin() + static_cast<std::ptrdiff_t>(first), tokens.end(), slot.tokens.begin());
}

void BpeEncoder::merge(std::string_view word, std::vector<int32_t>& tokens) {
  const auto whole = vocabulary_.whole_words.find(word);
  if (whole != vocabulary_.whole_words.end()) return tokens.push_back(whole->second);
  if (word.size() <= kShortBytes) return merge_short(word, tokens);
  merge_long(word, tokens);
}

MergeTable::Merge BpeEncoder::merge_at(std::size_t i) const {
  if (i + 1 >= parts_.size()) return {MergeTable::kNoRank, 0};
  return vocabulary_.merges.find(parts_[i].token, parts_[i + 1].token);
}

void BpeEncoder::merge_short(std::string_view word, std::vector<int32_t>& tokens) {
  parts_.clear();
  for (const char c : word)
    parts_.push_back({vocabulary_.byte_tokens[static_cast<uint8_t>(c)], {MergeTable::kNoRank, 0}});
  for (std::size_t i = 0; i < parts_.size(); ++i) parts_[i].merge = merge_at(i);
  for (;;) {
    const auto best =
        std::min_element(parts_.begin(), parts_.end(),
                         [](const Part& a, const Part& b) { return a.merge.rank < b.merge.rank; });
    if (best->merge.rank == MergeTable::kNoRank) break;
    best->token = best->merge.token;
    const auto i = static_cast<std::size_t>(best - parts_.begin());
    parts_.erase(best + 1);
    parts_[i].merge = merge_at(i);
    if (i > 0) parts_[i - 1].merge = merge_at(i - 1);
  }
  for (const Part& part : parts_) tokens.push_back(part.token);
}

/// A token of a long word, in a list; `left` and `right` are places in it.
struct BpeEncoder::Link {
  int32_t token;
  int64_t left;
  int64_t right;  // -1 at the end
};

void BpeEncoder::merge_long(std::string_view word, std::vector<int32_t>& tokens) const {
  struct Candidate {
    int32_t rank;
    int64_t place;
    int32_t left, right, merged;  // it is out of date when the tokens are no longer these
    bool operator>(const Candidate& other) const {
      return std::pair(rank, place) > std::pair(other.rank, other.place);
    }
  };
  std::vector<Link> links;
  links.reserve(word.size());
  const auto n = static_cast<int64_t>(word.size());
  for (int64_t i = 0; i < n; ++i)
    links.push_back(
        {vocabulary_.byte_tokens[static_cast<uint8_t>(word[static_cast<std::size_t>(i)])], i - 1,
         i + 1 < n ? i + 1 : -1});
  const auto link = [&](int64_t i) -> Link& { return links[static_cast<std::size_t>(i)]; };
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates;
  const auto consider = [&](int64_t i) {
    if (i < 0 || link(i).right < 0) return;
    const int32_t right = link(link(i).right).token;
    const MergeTable::Merge found = vocabulary_.merges.find(link(i).token, right);
    if (found.rank != MergeTable::kNoRank)
      candidates.push({found.rank, i, link(i).token, right, found.token});
  };
  for (int64_t i = 0; i < n; ++i) consider(i);
  constexpr int32_t kGone = -1;
  while (!candidates.empty()) {
    const Candidate best = candidates.top();
    candidates.pop();
    Link& left = link(best.place);
    if (left.token != best.left || left.right < 0 || link(left.right).token != best.right) continue;
    Link& right = link(left.right);
    left.token = best.merged;
    right.token = kGone;
    left.right = right.right;
    if (left.right >= 0) link(left.right).left = best.place;
    consider(best.place);
    consider(left.left);
  }
  for (int64_t i = 0; i >= 0; i = link(i).right) tokens.push_back(link(i).token);
}

}  // namespace isoflop
