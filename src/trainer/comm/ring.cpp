// SPDX-License-Identifier: MIT
#include "trainer/comm/ring.hpp"

#include <algorithm>

namespace isoflop {
namespace {

std::size_t n_segments(std::size_t n_bytes) {
  return (n_bytes + Ring::kSegment - 1) / Ring::kSegment;
}

/// Empty behind the end.
std::span<std::byte> segment_of(std::span<std::byte> bytes, std::size_t segment) {
  const std::size_t begin = std::min(segment * Ring::kSegment, bytes.size());
  return bytes.subspan(begin, std::min(Ring::kSegment, bytes.size() - begin));
}

}  // namespace

std::span<std::byte> RingParts::part(int index) const {
  const int64_t begin = index * n_elements / n_parts;
  const int64_t end = (index + 1) * n_elements / n_parts;
  return {data + begin * element_bytes, static_cast<std::size_t>((end - begin) * element_bytes)};
}

Ring::Ring(PeerLinks& links, const GridGroup& group, std::span<std::byte> scratch,
           const CallIdentity& call)
    : links_(links),
      group_(group),
      sum_(scratch.first(kSegment)),
      received_(scratch.subspan(kSegment, kSegment)),
      call_(call) {}

void Ring::all_gather(const RingParts& parts) const {
  for (int step = 0; step < group_.size() - 1; ++step)
    pass_on(parts.part(at(-step)), parts.part(at(-step - 1)));
}

void Ring::reduce_scatter(std::byte* out, const RingParts& in, ElementReduction reduce) const {
  std::size_t longest = 0;
  for (int i = 0; i < in.n_parts; ++i) longest = std::max(longest, in.part(i).size());
  for (std::size_t segment = 0; segment < n_segments(longest); ++segment)
    reduce_segment(out, in, segment, reduce);
}

/// In step s this rank adds its own to the sum that began s + 1 ranks before it.
void Ring::reduce_segment(std::byte* out, const RingParts& in, std::size_t segment,
                          ElementReduction reduce) const {
  const int n_steps = group_.size() - 1;
  std::span<const std::byte> sending = segment_of(in.part(at(-1)), segment);
  for (int step = 0; step < n_steps; ++step) {
    const std::span<const std::byte> own = segment_of(in.part(at(-step - 2)), segment);
    const std::span<std::byte> received = received_.first(own.size());
    pass_on(sending, received);
    std::byte* const sum = step == n_steps - 1 ? out + segment * kSegment : sum_.data();
    reduce(sum, received.data(), own.data(), static_cast<int64_t>(own.size()) / in.element_bytes);
    sending = {sum, own.size()};
  }
}

void Ring::broadcast(std::span<std::byte> bytes, int root) const {
  const int distance = (group_.index - root + group_.size()) % group_.size();
  const bool sends = distance < group_.size() - 1;
  const bool receives = distance > 0;
  const std::size_t n = n_segments(bytes.size());
  for (std::size_t segment = 0; segment <= n; ++segment) {
    const bool has_more = sends && segment > 0;
    pass_on(has_more ? segment_of(bytes, segment - 1) : std::span<std::byte>{},
            receives ? segment_of(bytes, segment) : std::span<std::byte>{});
  }
}

void Ring::broadcast_each(const std::vector<std::vector<std::span<std::byte>>>& of_root) const {
  for (int step = 0; step < group_.size() - 1; ++step) {
    const auto& sends = of_root[static_cast<std::size_t>(at(-step))];
    const auto& receives = of_root[static_cast<std::size_t>(at(-step - 1))];
    for (std::size_t i = 0; i < std::max(sends.size(), receives.size()); ++i)
      pass_on(i < sends.size() ? sends[i] : std::span<std::byte>{},
              i < receives.size() ? receives[i] : std::span<std::byte>{});
  }
}

void Ring::exchange(const std::vector<std::span<std::byte>>& sends,
                    const std::vector<std::span<std::byte>>& receives) const {
  for (int step = 1; step < group_.size(); ++step) {
    const int to = at(step);
    const int from = at(-step);
    transfer(to, sends[static_cast<std::size_t>(to)], from,
             receives[static_cast<std::size_t>(from)]);
  }
}

int Ring::at(int steps) const {
  return (group_.index + steps % group_.size() + group_.size()) % group_.size();
}

void Ring::transfer(int to, std::span<const std::byte> out, int from,
                    std::span<std::byte> in) const {
  links_.transfer({group_.ranks[static_cast<std::size_t>(to)], out},
                  {group_.ranks[static_cast<std::size_t>(from)], in}, call_);
}

void Ring::pass_on(std::span<const std::byte> out, std::span<std::byte> in) const {
  transfer(at(1), out, at(-1), in);
}

}  // namespace isoflop
