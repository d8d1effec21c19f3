// SPDX-License-Identifier: MIT
#include "trainer/telemetry/resident_memory.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <sys/mman.h>

namespace isoflop {
namespace {

// Mapped by hand: allocators keep what is freed, sanitizers' on purpose.
TEST(ResidentMemory, grows_by_what_is_written_and_keeps_the_peak) {
  constexpr int64_t kBytes = int64_t{64} << 20;
  const ResidentMemory before = resident_memory().value();
  void* const memory =
      ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  std::memset(memory, 1, kBytes);
  const ResidentMemory with = resident_memory().value();
  EXPECT_GE(with.bytes - before.bytes, kBytes * 9 / 10);
  ASSERT_EQ(::munmap(memory, kBytes), 0);
  EXPECT_LE(resident_memory().value().bytes, with.bytes - kBytes / 2);
  // The kernel counts pages by thread and adds them up now and then.
  EXPECT_GE(resident_memory().value().peak_bytes, with.bytes - kBytes / 10);
}

}  // namespace
}  // namespace isoflop
