// SPDX-License-Identifier: MIT
#include "trainer/comm/socket.hpp"

#include "support/error_matchers.hpp"
#include "trainer/comm/communication_error.hpp"

#include <array>

namespace isoflop {
namespace {

WaitLimit soon() { return from_now(std::chrono::seconds(30)); }

/// Both ends of a connection over the loopback device.
struct Pair {
  explicit Pair(const std::string& host) {
    const Socket listener = listen_at(host, 0);
    client = connect_to({host, local_port(listener)}, soon());
    server = accept_one(listener, soon()).value();
  }
  Socket client;
  Socket server;
};

TEST(Endpoint, is_written_and_read_alike) {
  for (const Endpoint& endpoint :
       {Endpoint{"node07", 1}, Endpoint{"10.1.2.3", 29500}, Endpoint{"fd00::7", 65535}}) {
    const auto read = parse_endpoint(to_string(endpoint));
    ASSERT_TRUE(read) << to_string(endpoint);
    EXPECT_EQ(read->host, endpoint.host);
    EXPECT_EQ(read->port, endpoint.port);
  }
  EXPECT_EQ(to_string({"fd00::7", 5}), "[fd00::7]:5");
  for (const char* text : {"", "node", "node:", ":5", "node:0", "node:65536", "node:5x", "a:b:5"})
    EXPECT_FALSE(parse_endpoint(text)) << text;
}

TEST(Socket, lines_and_bytes_arrive_over_ipv4_and_ipv6) {
  for (const char* host : {"127.0.0.1", "::1"}) {
    std::optional<Pair> pair;
    try {
      pair.emplace(host);
    } catch (const CommunicationError& error) {
      if (std::string(host) == "::1") continue;  // machines without IPv6 exist
      throw;
    }
    send_line(pair->client, "hello there", soon());
    EXPECT_EQ(receive_line(pair->server, soon()), "hello there");
    std::array<int, 3> numbers = {1, 2, 3};
    send_all(pair->server, std::as_bytes(std::span(numbers)));
    numbers = {};
    receive_all(pair->client, std::as_writable_bytes(std::span(numbers)));
    EXPECT_THAT(numbers, testing::ElementsAre(1, 2, 3));
    EXPECT_FALSE(remote_address(pair->server));
  }
}

TEST(Socket, reasons_of_failures_are_the_systems) {
  const auto message = [](const auto& action) {
    return test::message_of<CommunicationError>(action);
  };
  const int port = local_port(listen_at("127.0.0.1", 0));
  EXPECT_EQ(message([&] { connect_to({"127.0.0.1", port}, soon()); }), "Connection refused");
  EXPECT_THAT(message([&] {
                connect_to({"no-such-host.invalid", port}, soon());
              }),
              testing::HasSubstr("ame"));  // "Name or service not known", "... in name resolution"
  Pair pair("127.0.0.1");
  EXPECT_EQ(message([&] { receive_line(pair.client, from_now(std::chrono::milliseconds(10))); }),
            "no answer in time");
  pair.server = Socket();
  EXPECT_EQ(message([&] { receive_line(pair.client, soon()); }), "the connection was closed");
}

}  // namespace
}  // namespace isoflop
