// SPDX-License-Identifier: MIT
#include "trainer/data/permutation.hpp"

#include "core/base/check.hpp"
#include "core/base/mix_bits.hpp"

#include <algorithm>
#include <bit>

namespace isoflop {

Permutation::Permutation(int64_t size, uint64_t key)
    : size_(static_cast<uint64_t>(size)),
      half_bits_(std::max(1, static_cast<int>(std::bit_width(size_ - 1) + 1) / 2)) {
  ISOFLOP_CHECK(size >= 1 && size <= int64_t{1} << 62);
  for (std::size_t round = 0; round < round_keys_.size(); ++round)
    round_keys_[round] = key = mix_bits(key + round);
}

uint64_t Permutation::encrypt(uint64_t value) const {
  const uint64_t mask = (uint64_t{1} << half_bits_) - 1;
  uint64_t left = value >> half_bits_;
  uint64_t right = value & mask;
  for (const uint64_t key : round_keys_) {
    const uint64_t next = left ^ (mix_bits(right ^ key) & mask);
    left = right;
    right = next;
  }
  return left << half_bits_ | right;
}

int64_t Permutation::operator()(int64_t position) const {
  ISOFLOP_CHECK(position >= 0 && static_cast<uint64_t>(position) < size_);
  uint64_t value = encrypt(static_cast<uint64_t>(position));
  while (value >= size_) value = encrypt(value);
  return static_cast<int64_t>(value);
}

}  // namespace isoflop
