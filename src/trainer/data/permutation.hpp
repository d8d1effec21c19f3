// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>

namespace isoflop {

/// A pseudo-random permutation of [0, size) chosen by a key, computed element by element: nothing
/// is stored, so any rank asks for any position of any epoch at no cost.
/// A Feistel network of six rounds on the next power of four, walked until the value falls below
/// size (Black and Rogaway, "Ciphers with Arbitrary Finite Domains", CT-RSA 2002, section 3.3).
class Permutation {
 public:
  /// `size` is in [1, 2^62].
  Permutation(int64_t size, uint64_t key);

  /// The element at `position`, which is in [0, size). Expected below four network passes.
  int64_t operator()(int64_t position) const;

 private:
  static constexpr int kRounds = 6;
  uint64_t encrypt(uint64_t value) const;

  uint64_t size_;
  int half_bits_;
  std::array<uint64_t, kRounds> round_keys_;
};

}  // namespace isoflop
