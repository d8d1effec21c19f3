// SPDX-License-Identifier: MIT
#include "core/parallel/checkpoint_size.hpp"

#include "core/model/muon_matrices.hpp"
#include "core/model/param_count.hpp"

namespace isoflop {

int64_t checkpoint_bytes(const ModelShape& shape, OptimizerKind optimizer) {
  constexpr int64_t kElementBytes = 4;
  int64_t n_states = 3 * count_params(shape).total();
  if (optimizer == OptimizerKind::muon)
    for (const MuonMatrix& matrix : muon_matrices(shape)) n_states -= matrix.size();
  return kElementBytes * n_states;
}

}  // namespace isoflop
