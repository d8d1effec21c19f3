// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace isoflop {

/// Mean and standard deviation of values that come one by one (Welford 1962,
/// doi:10.1080/00401706.1962.10490022).
class RunningMoments {
 public:
  void add(double value) {
    ++count_;
    const double deviation = value - mean_;
    mean_ += deviation / static_cast<double>(count_);
    squares_ += deviation * (value - mean_);
  }
  std::optional<double> mean() const;
  /// Of a sample (n - 1); absent for one value.
  std::optional<double> std() const;

 private:
  int64_t count_ = 0;
  double mean_ = 0;
  double squares_ = 0;
};

/// Order statistics of values that come one by one, in bounded memory: exact up to 2^20 values,
/// from then on to 0.025 %, by counts of values that agree in sign, exponent and 11 bits of the
/// mantissa.
class RunningQuantiles {
 public:
  void add(float value);
  /// The mean of the two middle values when their count is even.
  std::optional<double> median() const;
  /// The smallest value that at least 95 % do not exceed.
  std::optional<double> percentile_95() const;

 private:
  static constexpr std::size_t kMaxExact = std::size_t{1} << 20;
  /// The value of this rank, from 0.
  double ranked(std::size_t rank) const;

  std::size_t n_value_ = 0;
  mutable std::vector<float> values_;  ///< partly ordered by ranked(); empty when bins_ is not
  std::vector<uint32_t> bins_;
};

}  // namespace isoflop
