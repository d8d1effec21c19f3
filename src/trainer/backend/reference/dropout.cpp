// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/op_contracts.hpp"
#include "trainer/backend/reference/reference_dropout.hpp"
#include "trainer/backend/reference/reference_ops.hpp"

namespace isoflop {

double dropout_factor(const Dropout& dropout, uint32_t lane, int64_t row, int64_t column) {
  if (!dropout) return 1;
  const int64_t token = dropout.first_token(*dropout.first_sample.as<int64_t>()) + row;
  const auto words = dropout_words(dropout.seed, dropout.site, lane, static_cast<uint64_t>(token),
                                   static_cast<uint32_t>(column / 4));
  return words[static_cast<std::size_t>(column % 4)] < dropout.threshold() ? 0
                                                                           : dropout.keep_scale();
}

void ReferenceOps::dropout(const Exec& exec, TensorView out, TensorView in, const Dropout& params) {
  check_dropout(out, in, params);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    const int64_t C = out.extent(1);
    for (int64_t m = 0; m < out.extent(0); ++m)
      for (int64_t c = 0; c < C; ++c)
        out.as<double>()[m * C + c] = in.as<double>()[m * C + c] * dropout_factor(params, 0, m, c);
  });
}

}  // namespace isoflop
