// SPDX-License-Identifier: MIT
#include "trainer/backend/trace.hpp"

#include "trainer/backend/cpu/cpu_device.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace isoflop {
namespace {

/// A CPU that passes for a GPU: work on streams is timed by marks, and profilers get ranges.
class FarDevice final : public CpuDevice {
 public:
  using CpuDevice::CpuDevice;
  bool is_host() const override { return false; }
  void open_range(const std::string& name) override { ranges += "(" + name; }
  void close_range() override { ranges += ")"; }
  std::string ranges;
};

void work(CpuDevice& device, Stream stream) {
  device.enqueue(stream, [] { std::this_thread::sleep_for(std::chrono::milliseconds(2)); });
}

const TraceSpan& span_of(const std::vector<TraceSpan>& spans, const std::string& name,
                         TraceLane lane) {
  for (const TraceSpan& span : spans)
    if (span.name == name && span.lane == lane) return span;
  throw std::runtime_error("no span " + name);
}

double seconds(const TraceSpan& span) { return span.end_s - span.begin_s; }

TEST(Trace, where_the_device_is_the_host_scopes_are_its_time) {
  CpuDevice device({});
  Trace trace(device, 0);
  trace.start();
  {
    const TraceScope step(&trace, {"step", 3});
    const TraceScope inner(&trace, {.name = "gather", .bytes = 64});
    work(device, device.compute_stream());
  }
  const std::vector<TraceSpan> spans = trace.spans();
  ASSERT_EQ(spans.size(), 2U);
  EXPECT_EQ(spans[0].name, "step 3");
  EXPECT_EQ(spans[1].bytes, 64);
  EXPECT_GE(seconds(spans[1]), 0.002);
  EXPECT_LE(spans[0].begin_s, spans[1].begin_s);
  EXPECT_GE(spans[0].end_s, spans[1].end_s);
}

// In deferred mode the work runs when the host waits, long after it was enqueued.
TEST(Trace, elsewhere_each_scope_has_a_span_of_the_host_and_one_of_its_stream) {
  FarDevice device(CpuDeviceOptions{.mode = CpuStreamMode::deferred});
  Trace trace(device, 10);
  trace.start();
  {
    const TraceScope block(&trace, {"block", 0});
    work(device, device.compute_stream());
    const TraceScope gather(&trace, {.name = "gather", .lane = TraceLane::communication});
    work(device, device.communication_stream());
    work(device, device.communication_stream());
  }
  device.synchronize(device.record(device.compute_stream()));
  device.synchronize(device.record(device.communication_stream()));
  const std::vector<TraceSpan> spans = trace.spans();
  ASSERT_EQ(spans.size(), 4U);
  EXPECT_LT(seconds(span_of(spans, "block 0", TraceLane::host)), 0.002);
  EXPECT_GE(seconds(span_of(spans, "block 0", TraceLane::compute)), 0.002);
  EXPECT_GE(seconds(span_of(spans, "gather", TraceLane::communication)), 0.004);
  EXPECT_GE(span_of(spans, "block 0", TraceLane::compute).end_s,
            span_of(spans, "block 0", TraceLane::host).end_s);
  EXPECT_EQ(device.ranges, "(block 0(gather))");
}

TEST(Trace, keeps_nothing_while_it_is_off) {
  FarDevice device(CpuDeviceOptions{});
  Trace trace(device, 0);
  { const TraceScope before(&trace, {"before"}); }
  trace.start();
  { const TraceScope within(&trace, {"within"}); }
  trace.stop();
  { const TraceScope after(&trace, {"after"}); }
  { const TraceScope nowhere(nullptr, {"nowhere"}); }
  EXPECT_EQ(trace.spans().size(), 2U);
  EXPECT_EQ(device.ranges, "(within)");
}

TEST(Trace, says_when_its_time_starts) {
  CpuDevice device({});
  Trace trace(device, 0);
  trace.start();
  { const TraceScope scope(&trace, {"scope"}); }
  const double now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  EXPECT_NEAR(trace.start_unix_s() + trace.spans().at(0).begin_s, now, 1);
}

}  // namespace
}  // namespace isoflop
