// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/rope_table.hpp"

#include <cmath>

namespace isoflop {
namespace {

RopeTable make_table(int64_t seq_len, int64_t d_head, double theta) {
  RopeTable table;
  for (int64_t position = 0; position < seq_len; ++position) {
    for (int64_t i = 0; i < d_head / 2; ++i) {
      const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(d_head);
      const double angle = static_cast<double>(position) * std::pow(theta, exponent);
      table.cosines.push_back(static_cast<float>(std::cos(angle)));
      table.sines.push_back(static_cast<float>(std::sin(angle)));
    }
  }
  return table;
}

}  // namespace

const RopeTable& RopeTables::get(int64_t seq_len, int64_t d_head, double theta) {
  const auto [entry, inserted] = tables_.try_emplace({seq_len, d_head, theta});
  if (inserted) entry->second = make_table(seq_len, d_head, theta);
  return entry->second;
}

}  // namespace isoflop
