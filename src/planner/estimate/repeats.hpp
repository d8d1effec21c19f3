// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/csv.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace isoflop {

/// Shape, devices, layout and batch as the row states them: rows with equal ones are the same
/// layout measured again, by another version of the software or on another machine.
std::string layout_key(const CsvTable& table, std::size_t row);

/// A layout and what was measured.
struct Repeat {
  std::string layout;
  double measured_s = 0;
};

/// For each, the mean of |this / other - 1| over the others of the same layout; absent where it was
/// measured once. No prediction that knows only the layout can be nearer to all of them than half
/// of that.
std::vector<std::optional<double>> differences_of_repeats(std::span<const Repeat> measurements);

}  // namespace isoflop
