// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace isoflop {

/// A well-mixed 64-bit hash: one step of SplitMix64 (Steele, Lea and Flood, "Fast splittable
/// pseudorandom number generators", OOPSLA 2014; constants of Vigna's public-domain version,
/// https://prng.di.unimi.it/splitmix64.c).
constexpr uint64_t mix_bits(uint64_t value) {
  value += 0x9e3779b97f4a7c15u;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
  return value ^ (value >> 31);
}

}  // namespace isoflop
