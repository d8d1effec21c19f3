// SPDX-License-Identifier: MIT
#include "core/model/muon_matrices.hpp"

namespace isoflop {

std::vector<MuonMatrix> muon_matrices(const ModelShape& shape) {
  std::vector<MuonMatrix> matrices;
  const std::vector<ParameterUnit> units = parameter_units(shape);
  for (std::size_t u = 0; u < units.size(); ++u) {
    for (std::size_t t = 0; t < units[u].tensors.size(); ++t) {
      const ParameterTensor& tensor = units[u].tensors[t];
      int64_t first_row = 0;
      for (const int64_t rows : tensor.hidden_rows) {
        matrices.push_back({.unit = static_cast<int64_t>(u),
                            .tensor = static_cast<int64_t>(t),
                            .first_row = first_row,
                            .rows = rows,
                            .cols = tensor.shape[1]});
        first_row += rows;
      }
    }
  }
  return matrices;
}

}  // namespace isoflop
