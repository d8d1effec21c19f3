// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <tuple>
#include <vector>

namespace isoflop {

/// Cosines and sines of position x theta^(-2i/d_head) for i < d_head/2, one row of d_head/2 per
/// position; computed in f64.
struct RopeTable {
  std::vector<float> cosines;
  std::vector<float> sines;
};

/// The table of each (seq_len, d_head, theta), computed at first use. References stay valid.
class RopeTables {
 public:
  const RopeTable& get(int64_t seq_len, int64_t d_head, double theta);

 private:
  std::map<std::tuple<int64_t, int64_t, double>, RopeTable> tables_;
};

}  // namespace isoflop
