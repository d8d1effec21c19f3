// SPDX-License-Identifier: MIT
#include "trainer/comm/blocking_calls.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

TEST(BlockingCalls, a_watchdog_sees_that_a_call_is_under_way_and_how_many_were) {
  CpuDevice device(CpuDeviceOptions{});
  BlockingCalls calls(device);
  EXPECT_EQ(calls.peer_waits(), PeerWaits{});
  PeerWaits inside;
  for (int i = 0; i < 3; ++i)
    device.synchronize(
        calls.enqueue(device.communication_stream(), {}, [&] { inside = calls.peer_waits(); }));
  EXPECT_EQ(inside, (PeerWaits{.begun = 3, .ended = 2}));
  EXPECT_TRUE(inside.waits());
  EXPECT_EQ(calls.peer_waits(), (PeerWaits{.begun = 3, .ended = 3}));
  EXPECT_FALSE(calls.peer_waits().waits());
}

}  // namespace
}  // namespace isoflop
