// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/cuda/matmul.hpp"

#include <cublasLt.h>

#include <map>
#include <string>
#include <string_view>

namespace isoflop {

/// Which algorithm computes which product, for other processes with the same kind of GPU and the
/// same library. As text: a line that names both, then a line for each product: its key, its
/// algorithm in hexadecimal.
struct AlgorithmTable {
  std::string origin;  ///< "NVIDIA H100 80GB HBM3, cuBLASLt 130100"
  std::map<std::string, cublasLtMatmulAlgo_t> algorithms;  ///< by key_of()
};

/// Tells a shape from every other, without blanks.
std::string key_of(const MatmulShape& shape);

std::string write_algorithms(const AlgorithmTable& table);
/// What is no line of a table is left out.
AlgorithmTable read_algorithms(std::string_view text);

}  // namespace isoflop
