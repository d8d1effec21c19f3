// SPDX-License-Identifier: MIT
#include "trainer/comm/rendezvous.hpp"

#include "core/base/error.hpp"
#include "support/error_matchers.hpp"
#include "trainer/comm/communication_error.hpp"

#include <future>
#include <sys/socket.h>

namespace isoflop {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

constexpr milliseconds kPlenty = std::chrono::seconds(30);

class Rendezvous : public testing::Test {
 protected:
  /// Rank 0 in a thread.
  std::future<Membership> receive(int n_rank, milliseconds limit = kPlenty) {
    return std::async(std::launch::async, [this, n_rank, limit] {
      return await_ranks(std::move(listener_), "token", {0, n_rank, "node0"}, limit);
    });
  }
  std::future<Membership> join(int rank, int n_rank, const std::string& token = "token",
                               milliseconds limit = kPlenty) const {
    return std::async(std::launch::async, [=, this] {
      return join_ranks(
          [&] {
            return Meeting{{{"127.0.0.1", port_}}, token};
          },
          {rank, n_rank, "node" + std::to_string(rank)}, limit);
    });
  }
  Socket connect() const { return connect_to({"127.0.0.1", port_}, from_now(kPlenty)); }

  Socket listener_ = listen_at("127.0.0.1", 0);
  int port_ = local_port(listener_);
};

TEST_F(Rendezvous, everyone_knows_all_hosts_and_where_they_listen) {
  auto first = receive(3);
  auto second = join(2, 3);
  auto third = join(1, 3);
  for (const Membership& membership : {first.get(), second.get(), third.get()}) {
    ASSERT_EQ(membership.members.size(), 3U);
    for (int rank = 0; rank < 3; ++rank)
      EXPECT_EQ(membership.members[static_cast<std::size_t>(rank)].host,
                "node" + std::to_string(rank));
    if (membership.rank == 0) continue;
    EXPECT_EQ(membership.members[0].endpoint.host, "127.0.0.1");
    EXPECT_EQ(membership.members[0].endpoint.port, port_);
    EXPECT_EQ(membership.members[static_cast<std::size_t>(membership.rank)].endpoint.port,
              local_port(membership.listener));
    EXPECT_EQ(membership.control.size(), 1U);
    EXPECT_EQ(membership.lifelines.size(), 1U);
  }
}

TEST_F(Rendezvous, strangers_are_turned_away) {
  auto first = receive(2);
  const Socket browser = connect();
  send_line(browser, "GET / HTTP/1.1", from_now(kPlenty));
  const Socket other_job = connect();
  send_greeting(other_job, {"join", "other-token", 1, 2, "elsewhere", 1});
  EXPECT_EQ(receive_line(other_job, from_now(kPlenty)), "refused");
  auto second = join(1, 2);
  EXPECT_EQ(first.get().members[1].host, "node1");
  second.get();
}

TEST_F(Rendezvous, rank_of_another_job_is_told_so) {
  auto first = receive(2, milliseconds(600));
  auto second = join(1, 2, "other-token", milliseconds(200));
  EXPECT_THAT(test::message_of<CommunicationError>([&] { second.get(); }),
              HasSubstr("rank 1 on node1: did not find rank 0 at 127.0.0.1:" +
                        std::to_string(port_) + " in 0 s (there waits another job or start)"));
  EXPECT_THROW(first.get(), CommunicationError);
}

TEST_F(Rendezvous, missing_ranks_are_named_and_the_others_fail_with_them) {
  auto first = receive(5, milliseconds(300));
  auto second = join(2, 5);
  EXPECT_THAT(test::message_of<CommunicationError>([&] { first.get(); }),
              HasSubstr("rank 0 on node0: ranks 1, 3-4 of 5 did not come"));
  EXPECT_THROW(second.get(), ReportedElsewhereError);
}

TEST_F(Rendezvous, absent_rank_0_is_an_error_after_the_limit) {
  listener_ = Socket();
  auto second = join(1, 2, "token", milliseconds(100));
  EXPECT_THAT(test::message_of<CommunicationError>([&] { second.get(); }),
              HasSubstr("(Connection refused)"));
}

TEST_F(Rendezvous, two_processes_of_one_rank_are_an_error_at_once) {
  auto first = receive(3);
  auto second = join(1, 3);
  auto third = join(1, 3);
  EXPECT_THAT(test::message_of<CommunicationError>([&] { first.get(); }),
              HasSubstr("two processes say that they are rank 1 (on node1 and node1)"));
  EXPECT_THROW(second.get(), ReportedElsewhereError);
  EXPECT_THROW(third.get(), ReportedElsewhereError);
}

TEST_F(Rendezvous, disagreement_on_the_number_of_ranks_is_an_error_at_once) {
  auto first = receive(3);
  auto second = join(1, 2);
  EXPECT_THAT(
      test::message_of<CommunicationError>([&] { first.get(); }),
      HasSubstr("rank 1 on node1 was started as one of 2 ranks, rank 0 on node0 as one of 3"));
  EXPECT_THROW(second.get(), ReportedElsewhereError);
}

// SO_LINGER without time: nothing more can be sent to it.
TEST_F(Rendezvous, disagreement_is_reported_although_the_other_rank_is_gone) {
  {
    const Socket gone = connect();
    send_greeting(gone, {"join", "token", 1, 2, "node1", 1});
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ASSERT_EQ(::setsockopt(gone.fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
  }
  auto first = receive(3);
  EXPECT_THAT(test::message_of<CommunicationError>([&] { first.get(); }),
              HasSubstr("rank 1 on node1 was started as one of 2 ranks"));
}

TEST_F(Rendezvous, a_rank_that_leaves_while_others_are_awaited_may_come_back) {
  auto first = receive(2);
  {
    const Socket gone = connect();
    send_greeting(gone, {"join", "token", 1, 2, "node1", 1});
    EXPECT_EQ(receive_line(gone, from_now(kPlenty)), "welcome");
  }
  auto second = join(1, 2);
  EXPECT_EQ(second.get().rank, 1);
  first.get();
}

TEST(RankList, shortens_ranges) {
  EXPECT_EQ(rank_list({3}), "rank 3");
  EXPECT_EQ(rank_list({1, 2, 5, 7, 8, 9}), "ranks 1-2, 5, 7-9");
}

}  // namespace
}  // namespace isoflop
