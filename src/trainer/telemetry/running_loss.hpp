// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace isoflop {

/// Exponential running mean and variance of the loss with a horizon of 100 steps (a plain mean
/// until then). Non-finite losses must not be fed.
class RunningLoss {
 public:
  void add(double loss) {
    ++count_;
    const double weight = 1.0 / static_cast<double>(std::min<int64_t>(count_, kHorizon));
    const double deviation = loss - mean_;
    mean_ += weight * deviation;
    variance_ = (1.0 - weight) * (variance_ + weight * deviation * deviation);
  }
  double mean() const { return mean_; }
  double variance() const { return variance_; }
  int64_t count() const { return count_; }
  /// Of a loss, infinite where all were alike.
  double deviations_above_mean(double loss) const { return (loss - mean_) / std::sqrt(variance_); }
  /// Whether the next loss lies `sigma` deviations or more above the mean, once there have been 20;
  /// never with 0. Published rules are of this kind: OLMo 2 (arXiv:2501.00656) counts
  /// values seven deviations from a rolling mean as spikes, llm.c's outlier detector
  /// (llmc/outlier_detector.h) takes the deviations from those of the last 128 steps.
  bool is_spike(double loss, double sigma) const {
    return sigma > 0 && count_ >= kWarmup && loss > mean_ + sigma * std::sqrt(variance_);
  }

 private:
  static constexpr int64_t kHorizon = 100;
  static constexpr int64_t kWarmup = 20;
  int64_t count_ = 0;
  double mean_ = 0;
  double variance_ = 0;
};

}  // namespace isoflop
