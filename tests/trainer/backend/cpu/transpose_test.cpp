// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/transpose.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace isoflop {
namespace {

TEST(Transpose, every_element_finds_its_place_and_nothing_else_is_written) {
  constexpr uint32_t kUntouched = 0xffffffff;
  for (const int64_t n_rows : {1, 7, 16, 40, 64}) {
    for (const int64_t n_columns : {1, 5, 16, 33, 64}) {
      const int64_t in_stride = n_columns + 3, out_stride = n_rows + 2;
      std::vector<uint32_t> in(static_cast<std::size_t>(n_rows * in_stride));
      std::iota(in.begin(), in.end(), 0);
      std::vector<uint32_t> out(static_cast<std::size_t>(n_columns * out_stride), kUntouched);
      transpose({out.data(), out_stride, in.data(), in_stride, n_rows, n_columns});
      for (int64_t j = 0; j < n_columns; ++j)
        for (int64_t i = 0; i < out_stride; ++i)
          ASSERT_EQ(out[static_cast<std::size_t>(j * out_stride + i)],
                    i < n_rows ? static_cast<uint32_t>(i * in_stride + j) : kUntouched)
              << n_rows << " x " << n_columns << " at " << i << ", " << j;
    }
  }
}

}  // namespace
}  // namespace isoflop
