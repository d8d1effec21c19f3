// SPDX-License-Identifier: MIT
#pragma once

#include "op_rig.hpp"

#include <functional>
#include <map>
#include <ostream>
#include <string>
#include <vector>

namespace isoflop {

/// Output tensors of an op by name.
using Outputs = std::map<std::string, std::vector<double>>;

/// One call of an op with fixed inputs, on any backend. Tensors whose output accumulates start at
/// values other than 0.
struct OpCase {
  std::string name;
  std::function<Outputs(OpRig& rig)> run;
};

/// For GoogleTest's messages.
inline void PrintTo(const OpCase& op, std::ostream* out) { *out << op.name; }

/// Every op with every option, at sizes that are odd for vectors, tiles and chunks.
std::vector<OpCase> all_op_cases();

std::vector<OpCase> muon_cases();

/// Attention by the vendor's kernels.
std::vector<OpCase> flash_attention_cases();

/// Attention under the other two backends, with and without dropout, for all, grouped and one
/// key-value head.
std::vector<OpCase> attention_option_cases();

}  // namespace isoflop
