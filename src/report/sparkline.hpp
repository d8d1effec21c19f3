// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace isoflop {

/// A curve of at most `width` characters, lowest to highest value as the eighth blocks of Unicode:
/// means of as many equal parts of the series. Values that are not finite are passed over; a part
/// without others is a space. Empty for an empty series.
std::string sparkline(std::span<const double> values, std::size_t width);

}  // namespace isoflop
