// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <string_view>

namespace isoflop {

/// How good an MFU is: above 45 % excellent, from 35 % good, from 25 % acceptable.
struct MfuBand {
  std::string_view name;
  std::string_view range;
  double from;  ///< a fraction
};

inline constexpr std::array kMfuBands = {
    MfuBand{"excellent", "above 45 %", 0.45}, MfuBand{"good", "35 to 45 %", 0.35},
    MfuBand{"acceptable", "25 to 35 %", 0.25}, MfuBand{"poor", "below 25 %", 0.0}};

inline const MfuBand& mfu_band(double mfu) {
  if (mfu > kMfuBands[0].from) return kMfuBands[0];
  if (mfu >= kMfuBands[1].from) return kMfuBands[1];
  return mfu >= kMfuBands[2].from ? kMfuBands[2] : kMfuBands[3];
}

}  // namespace isoflop
