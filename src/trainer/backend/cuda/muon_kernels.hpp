// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/ops.hpp"

/// What Muon's update does beside matrix products (muon.cpp).
namespace isoflop::muon {

/// Arena bytes for the sums that write_direction() leaves to normalise().
int64_t sums_bytes();
TensorView take_sums(const Exec& exec);

/// momentum = mu momentum + g; direction, which may be grad, = g + mu momentum (nesterov) or the
/// momentum; f32. Leaves both in a skipped step.
void write_direction(const Exec& exec, TensorView direction, TensorView sums, TensorView momentum,
                     TensorView grad, const StepState* state, const MuonParams& params);
/// x = direction / its Frobenius norm, f32 or bf16; 0 in a skipped step.
void normalise(const Exec& exec, TensorView x, TensorView direction, TensorView sums,
               const StepState* state);
/// update (f32) = scale x; leaves it in a skipped step.
void write_update(const Exec& exec, TensorView update, TensorView x, double scale,
                  const StepState* state);

}  // namespace isoflop::muon
