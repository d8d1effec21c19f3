// SPDX-License-Identifier: MIT
#include "trainer/checkpoint/background_worker.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace isoflop {
namespace {

TEST(BackgroundWorker, does_things_in_order_and_wait_is_for_all_of_them) {
  BackgroundWorker worker;
  std::vector<int> done;
  for (int i = 0; i < 100; ++i) worker.post([&done, i] { done.push_back(i); });
  worker.wait();
  ASSERT_EQ(done.size(), 100U);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(done[static_cast<std::size_t>(i)], i);
}

TEST(BackgroundWorker, ends_without_work) { const BackgroundWorker worker; }

}  // namespace
}  // namespace isoflop
