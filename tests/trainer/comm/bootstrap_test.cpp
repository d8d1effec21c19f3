// SPDX-License-Identifier: MIT
#include "trainer/comm/bootstrap.hpp"

#include "core/base/error.hpp"
#include "support/error_matchers.hpp"

namespace isoflop {
namespace {

TEST(Bootstrap, kinds_and_places_are_read) {
  EXPECT_EQ(parse_bootstrap("mpi").kind, BootstrapKind::mpi);
  EXPECT_EQ(parse_bootstrap("tcp").place, "");
  EXPECT_EQ(parse_bootstrap("tcp:node1:29500").kind, BootstrapKind::tcp);
  EXPECT_EQ(parse_bootstrap("tcp:node1:29500").place, "node1:29500");
  EXPECT_EQ(parse_bootstrap("tcp:[::1]:29500").place, "[::1]:29500");
  EXPECT_EQ(parse_bootstrap("file").kind, BootstrapKind::file);
  EXPECT_EQ(parse_bootstrap("file:/scratch/a b").place, "/scratch/a b");
}

TEST(Bootstrap, anything_else_is_refused) {
  for (const char* text : {"", "udp", "mpi:x", "tcp:", "tcp:node1", "tcp:node1:0", "tcp:node1:x",
                           "tcp:::1:29500", "file:"})
    EXPECT_THAT(test::message_of<ConfigError>([&] { parse_bootstrap(text); }),
                testing::HasSubstr("--bootstrap is '" + std::string(text) + "'"));
}

}  // namespace
}  // namespace isoflop
