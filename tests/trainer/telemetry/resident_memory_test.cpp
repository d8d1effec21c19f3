// SPDX-License-Identifier: MIT
#include "trainer/telemetry/resident_memory.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace isoflop {
namespace {

TEST(ResidentMemory, grows_by_what_is_written_and_keeps_the_peak) {
  constexpr int64_t kBytes = int64_t{64} << 20;
  const ResidentMemory before = resident_memory().value();
  std::vector<char> memory(kBytes, 1);
  const ResidentMemory with = resident_memory().value();
  EXPECT_GE(with.bytes - before.bytes, kBytes * 9 / 10);
  EXPECT_EQ(memory[kBytes - 1], 1);
  std::vector<char>().swap(memory);
  EXPECT_LE(resident_memory().value().bytes, with.bytes - kBytes / 2);
  // The kernel counts pages by thread and adds them up now and then.
  EXPECT_GE(resident_memory().value().peak_bytes, with.bytes - kBytes / 10);
}

}  // namespace
}  // namespace isoflop
