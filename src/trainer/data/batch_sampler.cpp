// SPDX-License-Identifier: MIT
#include "trainer/data/batch_sampler.hpp"

#include "core/base/check.hpp"
#include "core/base/mix_bits.hpp"
#include "trainer/data/permutation.hpp"

#include <utility>

namespace isoflop {

int64_t first_sample(const BatchSlice& slice) {
  const int64_t micro_batches = slice.micro_step * slice.n_ranks + slice.rank;
  return slice.samples_before + micro_batches * slice.micro_batch_size;
}

BatchSampler::BatchSampler(TokenWindows windows, uint64_t seed)
    : windows_(std::move(windows)), seed_(seed) {}

int64_t BatchSampler::window_of(int64_t sample) const {
  ISOFLOP_CHECK(sample >= 0);
  const int64_t n_windows = windows_.n_windows();
  const auto epoch = static_cast<uint64_t>(sample / n_windows);
  return Permutation(n_windows, mix_bits(mix_bits(seed_) + epoch))(sample % n_windows);
}

void BatchSampler::read(int64_t first, std::span<int32_t> inputs,
                        std::span<int32_t> targets) const {
  const auto T = static_cast<std::size_t>(windows_.seq_len());
  ISOFLOP_CHECK(inputs.size() == targets.size() && inputs.size() % T == 0);
  for (std::size_t row = 0; row < inputs.size() / T; ++row)
    windows_.read(window_of(first + static_cast<int64_t>(row)), inputs.subspan(row * T, T),
                  targets.subspan(row * T, T));
}

}  // namespace isoflop
