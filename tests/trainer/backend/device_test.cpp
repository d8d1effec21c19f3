// SPDX-License-Identifier: MIT
#include "trainer/backend/device.hpp"

#include "core/base/error.hpp"
#include "trainer/backend/cpu/cpu_device.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <utility>

namespace isoflop {
namespace {

std::uintptr_t address(const TensorView& view) {
  return reinterpret_cast<std::uintptr_t>(view.data);
}

TEST(Buffer, moved_from_buffer_frees_nothing) {
  CpuDevice device({});
  {
    Buffer first = device.allocate(1000, MemoryCategory::batch);
    const Buffer second = std::move(first);
    EXPECT_EQ(first.data(), nullptr);
    EXPECT_EQ(second.bytes(), 1000);
    EXPECT_EQ(device.memory_usage().allocated, 1000);
  }
  EXPECT_EQ(device.memory_usage().allocated, 0);
}

TEST(Arena, same_calls_give_same_addresses) {
  CpuDevice device({});
  Arena arena(device, 4096, MemoryCategory::activations);
  std::uintptr_t seen[2];
  for (auto& value : seen) {
    const Arena::Scope scope(arena);
    const TensorView a = arena.allocate(DType::f32, {3});
    value = address(arena.allocate(DType::f32, {5, 2}));
    EXPECT_EQ(address(a) % 256, 0u);
    EXPECT_EQ(value - address(a), 256u);
  }
  EXPECT_EQ(seen[0], seen[1]);
  EXPECT_EQ(arena.used(), 0);
  EXPECT_EQ(arena.peak(), 512);
}

TEST(Arena, too_small_a_plan_names_category_and_bytes) {
  CpuDevice device({});
  Arena arena(device, 1024, MemoryCategory::workspace);
  arena.allocate(DType::f32, {64});
  try {
    arena.allocate(DType::f32, {256});
    FAIL() << "must throw";
  } catch (const OutOfMemoryError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("arena of workspace"));
    EXPECT_THAT(error.what(), testing::HasSubstr("256 B of 1.00 KiB in use"));
  }
}

}  // namespace
}  // namespace isoflop
