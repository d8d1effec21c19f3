// SPDX-License-Identifier: MIT
#include "core/base/error.hpp"
#include "trainer/backend/backend.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

TEST(CudaAbsent, says_what_is_missing_and_what_to_do) {
  try {
    make_cuda_backend({.local_rank = 3});
    FAIL() << "must throw";
  } catch (const DeviceMissingError& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::kDeviceMissing);
    EXPECT_THAT(error.what(), testing::HasSubstr("no GPU backend"));
    EXPECT_THAT(error.what(), testing::HasSubstr("NVIDIA driver"));
    EXPECT_THAT(error.what(), testing::HasSubstr("set device.kind: cpu"));
  }
}

}  // namespace
}  // namespace isoflop
