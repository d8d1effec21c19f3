// SPDX-License-Identifier: MIT
#pragma once

#include "planner/candidate_builder.hpp"
#include "planner/sweep/sweep_request.hpp"

#include <string>
#include <variant>
#include <vector>

namespace isoflop {

/// A point with the shape, job and layout that train it, and what that takes.
struct PricedPoint {
  SweepPoint point;
  Candidate candidate;
};

/// Why there is no training for a point.
struct Misfit {
  enum class Cause {
    too_small,  ///< more compute would give it one
    too_large,  ///< less would
  };
  Cause cause = Cause::too_small;
  std::string why;  ///< a clause
};

/// The compute-optimal N that a sweep is laid around: that with the tokens per parameter asked for,
/// else the law's optimum where the law applies to the text and reaches that far, else the N that
/// has kTokensPerParamRule tokens each.
double predicted_best_params(const SweepRequest& request, bool law_applies, double compute);

/// Prices sweeps on one partition.
class SweepPricer {
 public:
  /// Throws ConfigError as job_sizes does. `request` and the partition, of its cluster, must
  /// outlive what is priced.
  SweepPricer(const SweepRequest& request, const Partition& partition);
  SweepPricer(const SweepPricer&) = delete;
  SweepPricer& operator=(const SweepPricer&) = delete;

  /// Every point of the sweep with that top budget, one seed of each. A point is trained on the
  /// fewest devices on which it ends within the hours of a run, in the batch that published runs of
  /// its compute use (batch_tokens) but within the critical one of the fewest tokens at this
  /// compute, rounded to a power of two per rank: all sizes of a budget have the same.
  std::variant<std::vector<PricedPoint>, Misfit> price(double top_compute);

  /// More compute than the device hours can give.
  double most_compute() const;
  bool law_applies() const { return contexts_.front().law_applies; }

 private:
  std::variant<Candidate, Misfit> price_point(const SweepPoint& point, double batch);
  std::variant<ModelShape, Misfit> shape_of(const SweepPoint& point) const;
  std::variant<Candidate, Misfit> price_shape(const ModelShape& shape, double n_tokens,
                                              double batch);
  std::variant<Candidate, Miss, Misfit> try_job(const JobContext& context, const ModelShape& shape,
                                                double n_tokens, double batch);

  const SweepRequest& request_;
  PlanRequest run_;                   ///< of the run that is priced; contexts refer to it
  std::vector<JobContext> contexts_;  ///< of all sizes of jobs, the smallest first
  std::vector<ModelShape> shapes_;
};

}  // namespace isoflop
