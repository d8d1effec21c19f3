// SPDX-License-Identifier: MIT
#include "trainer/model/model_dropout.hpp"

namespace isoflop {

LayerDropout ModelDropout::layer(int64_t layer, TensorView first_sample) const {
  const int64_t site = 2 + 3 * layer;
  return {at_site(site, first_sample), at_site(site + 1, first_sample),
          at_site(site + 2, first_sample)};
}

Dropout ModelDropout::at_site(int64_t site, TensorView first_sample) const {
  if (!first_sample) return {};
  return {.rate = rate_,
          .seed = seed_,
          .first_sample = first_sample,
          .seq_len = seq_len_,
          .site = static_cast<uint32_t>(site)};
}

}  // namespace isoflop
