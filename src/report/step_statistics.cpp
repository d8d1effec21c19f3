// SPDX-License-Identifier: MIT
#include "report/step_statistics.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace isoflop {
namespace {

constexpr unsigned kDroppedBits = 12;
constexpr uint32_t kSign = 0x80000000U;

/// Bits in the order of the values; of one bin where all but the dropped bits agree.
uint32_t bin_of(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return ((bits & kSign) != 0 ? ~bits : bits | kSign) >> kDroppedBits;
}

/// The middle of a bin.
float value_of(uint32_t bin) {
  const uint32_t ordered = (bin << kDroppedBits) | (1U << (kDroppedBits - 1));
  return std::bit_cast<float>((ordered & kSign) != 0 ? ordered ^ kSign : ~ordered);
}

}  // namespace

std::optional<double> RunningMoments::mean() const {
  return count_ > 0 ? std::optional(mean_) : std::nullopt;
}

std::optional<double> RunningMoments::std() const {
  if (count_ < 2) return std::nullopt;
  return std::sqrt(squares_ / static_cast<double>(count_ - 1));
}

void RunningQuantiles::add(float value) {
  ++n_value_;
  if (!bins_.empty()) {
    ++bins_[bin_of(value)];
    return;
  }
  values_.push_back(value);
  if (values_.size() <= kMaxExact) return;
  bins_.resize(std::size_t{1} << (32 - kDroppedBits));
  for (const float earlier : values_) ++bins_[bin_of(earlier)];
  values_ = {};
}

double RunningQuantiles::ranked(std::size_t rank) const {
  if (bins_.empty()) {
    const auto place = values_.begin() + static_cast<std::ptrdiff_t>(rank);
    std::nth_element(values_.begin(), place, values_.end());
    return *place;
  }
  std::size_t bin = 0;
  for (std::size_t n_below = bins_[0]; n_below <= rank; n_below += bins_[bin]) ++bin;
  return value_of(static_cast<uint32_t>(bin));
}

std::optional<double> RunningQuantiles::median() const {
  if (n_value_ == 0) return std::nullopt;
  const double upper = ranked(n_value_ / 2);
  return n_value_ % 2 == 1 ? upper : (ranked(n_value_ / 2 - 1) + upper) / 2;
}

std::optional<double> RunningQuantiles::percentile_95() const {
  if (n_value_ == 0) return std::nullopt;
  return ranked((n_value_ * 95 + 99) / 100 - 1);
}

}  // namespace isoflop
