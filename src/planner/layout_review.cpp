// SPDX-License-Identifier: MIT
#include "planner/layout_review.hpp"

#include "planner/what_if/layout_pricing.hpp"
#include "planner/what_if/what_if_search.hpp"

#include <array>

namespace isoflop {

namespace {

using Rejections = std::array<RejectedLayouts, kMemoryTerms.size()>;

class Reviewer {
 public:
  Reviewer(const LayoutRequest& request, const MemoryCapacity& capacity,
           const LayoutCandidate& choice)
      : request_(request), capacity_(capacity), choice_s_(seconds_per_token(choice, request)) {}

  void look_at(const LayoutCandidate& layout) {
    ++review_.tried;
    if (static_cast<double>(layout.memory.total()) <= capacity_.usable_bytes()) {
      ++review_.fitting;
      return;
    }
    RejectedLayouts& rejected = rejected_[largest_term(layout.memory)];
    const double seconds = seconds_per_token(layout, request_);
    const bool first = rejected.layouts++ == 0;
    rejected.faster += seconds < choice_s_ ? 1 : 0;
    if (first || seconds < seconds_per_token(rejected.fastest, request_)) rejected.fastest = layout;
  }

  LayoutReview finish() {
    for (std::size_t i = 0; i < rejected_.size(); ++i) {
      if (rejected_[i].layouts == 0) continue;
      rejected_[i].largest_term = kMemoryTerms[i].name;
      review_.rejected.push_back(std::move(rejected_[i]));
    }
    return std::move(review_);
  }

 private:
  const LayoutRequest& request_;
  const MemoryCapacity& capacity_;
  double choice_s_;
  Rejections rejected_;
  LayoutReview review_;
};

void look_at_the_trainers(Reviewer& reviewer, MemoryModel& memory, const LayoutRequest& request,
                          const MachineModel& machine) {
  for (const Layout& layout : candidate_layouts(request, machine.n_devices, machine.ranks_per_node))
    reviewer.look_at({layout, predict_step_time(memory.shape(), layout, request.seq_len, machine),
                      memory.estimate(layout)});
}

}  // namespace

LayoutReview review_layouts(MemoryModel& memory, const LayoutRequest& request,
                            const MachineModel& machine, const MemoryCapacity& capacity,
                            const LayoutCandidate& choice, bool what_if) {
  Reviewer reviewer(request, capacity, choice);
  const bool ours = trainer_runs_model(memory.shape());
  if (ours) look_at_the_trainers(reviewer, memory, request, machine);
  if (!what_if || !prices_what_if(request, machine)) return reviewer.finish();
  LayoutPricer pricer(memory.shape(), request.seq_len, machine, machine.precision, ours);
  for_each_usual_layout(memory.shape(), request, machine, [&](const SearchedLayout& layout) {
    reviewer.look_at(as_candidate(pricer.price(layout)));
  });
  return reviewer.finish();
}

}  // namespace isoflop
