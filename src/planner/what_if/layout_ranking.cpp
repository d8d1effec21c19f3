// SPDX-License-Identifier: MIT
#include "planner/what_if/layout_ranking.hpp"

#include <algorithm>
#include <atomic>
#include <future>
#include <numeric>

namespace isoflop {

namespace {

bool is_faster(const PricedLayout& a, const PricedLayout& b) {
  return a.step_time.total() < b.step_time.total();
}

/// Keeps the first `most` in order; of equals, those that came first.
void keep_fastest(std::vector<PricedLayout>& fastest, const PricedLayout& layout,
                  std::size_t most) {
  if (fastest.size() == most && (most == 0 || !is_faster(layout, fastest.back()))) return;
  fastest.insert(std::upper_bound(fastest.begin(), fastest.end(), layout, is_faster), layout);
  if (fastest.size() > most) fastest.pop_back();
}

bool needs_less(const PricedLayout& layout, const std::optional<PricedLayout>& other) {
  return !other || layout.memory.total() < other->memory.total();
}

void note_rejection(MemoryRejection& rejection, const PricedLayout& layout) {
  ++rejection.layouts;
  if (needs_less(layout, rejection.nearest)) rejection.nearest = layout;
}

void price_split(SplitOutcome& outcome, const RankingRequest& request, LayoutPricer& pricer) {
  outcome.broken = broken_rule(request.job, outcome.split);
  if (outcome.broken) return;
  outcome.without_full_rounds = count_layouts(request.job, outcome.split).without_full_rounds;
  for_each_layout(request.job, outcome.split, [&](const SearchedLayout& layout) {
    const PricedLayout priced = pricer.price(layout);
    ++outcome.priced;
    if (static_cast<double>(priced.memory.total()) > request.usable_bytes)
      return note_rejection(outcome.rejected[largest_term(priced.memory)], priced);
    ++outcome.fitting;
    keep_fastest(outcome.fastest, priced, request.top);
  });
}

/// Indices of splits, those with most layouts first, so that no thread is left with a large one.
std::vector<std::size_t> largest_first(const LayoutJob& job, const std::vector<Split>& splits) {
  std::vector<int64_t> sizes;
  for (const Split& split : splits)
    sizes.push_back(broken_rule(job, split) ? 0 : count_layouts(job, split).layouts);
  std::vector<std::size_t> order(splits.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return sizes[a] > sizes[b]; });
  return order;
}

/// Each thread takes the next split and writes to that one's outcome only.
void price_all(std::vector<SplitOutcome>& outcomes, const std::vector<std::size_t>& order,
               const RankingRequest& request) {
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    const LayoutJob& job = request.job;
    LayoutPricer pricer(job.shape, job.seq_len, request.machine, request.precision, job.ours);
    for (std::size_t i = next++; i < order.size(); i = next++)
      price_split(outcomes[order[i]], request, pricer);
  };
  std::vector<std::future<void>> workers;
  for (int i = 1; i < request.threads; ++i) workers.push_back(std::async(std::launch::async, work));
  work();
  for (std::future<void>& worker : workers) worker.get();
}

}  // namespace

const PricedLayout* SplitOutcome::nearest() const {
  const PricedLayout* least = nullptr;
  for (const MemoryRejection& rejection : rejected) {
    if (!rejection.nearest) continue;
    if (least == nullptr || rejection.nearest->memory.total() < least->memory.total())
      least = &*rejection.nearest;
  }
  return least;
}

int64_t LayoutRanking::priced() const {
  int64_t sum = 0;
  for (const SplitOutcome& outcome : splits) sum += outcome.priced;
  return sum;
}

int64_t LayoutRanking::fitting() const {
  int64_t sum = 0;
  for (const SplitOutcome& outcome : splits) sum += outcome.fitting;
  return sum;
}

int64_t LayoutRanking::without_full_rounds() const {
  int64_t sum = 0;
  for (const SplitOutcome& outcome : splits) sum += outcome.without_full_rounds;
  return sum;
}

std::vector<const SplitOutcome*> LayoutRanking::by_best() const {
  std::vector<const SplitOutcome*> best;
  for (const SplitOutcome& outcome : splits)
    if (!outcome.fastest.empty()) best.push_back(&outcome);
  std::stable_sort(best.begin(), best.end(), [](const SplitOutcome* a, const SplitOutcome* b) {
    return is_faster(a->fastest.front(), b->fastest.front());
  });
  return best;
}

LayoutRanking rank_layouts(const RankingRequest& request) {
  const std::vector<Split> splits = all_splits(request.job);
  LayoutRanking ranking;
  ranking.splits.resize(splits.size());
  for (std::size_t i = 0; i < splits.size(); ++i) ranking.splits[i].split = splits[i];
  price_all(ranking.splits, largest_first(request.job, splits), request);
  for (const SplitOutcome& outcome : ranking.splits)
    for (const PricedLayout& layout : outcome.fastest)
      keep_fastest(ranking.fastest, layout, request.top);
  return ranking;
}

}  // namespace isoflop
