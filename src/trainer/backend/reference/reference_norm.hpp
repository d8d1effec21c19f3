// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/ops.hpp"

/// One row of a norm in f64, shared by the ops that norm.
namespace isoflop::reference {

struct RowStats {
  double mean = 0;  ///< 0 for norms that do not centre
  double rstd = 0;
};

RowStats norm_stats(const double* x, int64_t n, const NormParams& params);
/// As Ops stores them: rstd, or mean and rstd.
void store_stats(double* stored, const RowStats& stats, NormKind kind);
RowStats load_stats(const double* stored, NormKind kind);
/// d_x += rstd (g - mean(g) - xhat mean(g xhat)), g = d_out weight; without mean(g) for norms that
/// do not centre.
void norm_backward_row(double* d_x, const double* d_out, const double* x, const double* weight,
                       const RowStats& stats, int64_t n, NormKind kind);

}  // namespace isoflop::reference
