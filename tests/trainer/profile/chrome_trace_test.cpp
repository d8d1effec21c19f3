// SPDX-License-Identifier: MIT
#include "trainer/profile/chrome_trace.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace isoflop {
namespace {

std::string trace_of(bool is_gpu) {
  const std::vector<TraceSpan> spans = {
      {.lane = TraceLane::host, .name = "step 3", .bytes = {}, .begin_s = 0.5, .end_s = 0.75},
      {.lane = TraceLane::communication,
       .name = "all-reduce",
       .bytes = 4096,
       .begin_s = 0.6,
       .end_s = 0.6000015}};
  return chrome_trace(spans, {.rank = 2,
                              .host = "n7",
                              .device = "a device",
                              .is_gpu = is_gpu,
                              .origin_unix_s = 1e9,
                              .start_s = 100,
                              .first_to_last = "3-4"});
}

TEST(ChromeTrace, spans_are_complete_events_in_microseconds_from_the_origin) {
  const std::string text = trace_of(true);
  EXPECT_NE(text.find("{\"name\": \"step 3\", \"ph\": \"X\", \"pid\": 2, \"tid\": 0, "
                      "\"ts\": 100500000, \"dur\": 250000}"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("{\"name\": \"all-reduce\", \"ph\": \"X\", \"pid\": 2, \"tid\": 2, "
                      "\"ts\": 100600000, \"dur\": 1.5, \"args\": {\"bytes\": 4096}}"),
            std::string::npos)
      << text;
}

TEST(ChromeTrace, rows_have_names_and_the_file_says_what_times_mean) {
  EXPECT_NE(trace_of(true).find("\"args\": {\"name\": \"rank 2 on n7\"}"), std::string::npos);
  EXPECT_NE(trace_of(true).find("\"communication stream\""), std::string::npos);
  EXPECT_NE(trace_of(true).find("the host's scopes are the time of enqueueing"), std::string::npos);
  EXPECT_EQ(trace_of(false).find("\"communication stream\""), std::string::npos);
  EXPECT_EQ(trace_of(false).find("enqueueing"), std::string::npos);
}

}  // namespace
}  // namespace isoflop
