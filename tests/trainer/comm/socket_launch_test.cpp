// SPDX-License-Identifier: MIT
#include "trainer/comm/socket_launch.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/comm/communication_error.hpp"
#include "trainer/comm/forked_ranks.hpp"

#include <csignal>
#include <fcntl.h>
#include <thread>

namespace isoflop {
namespace {

using test::kTestFailed;
constexpr int kKilled = 128 + SIGKILL;
constexpr int kLost = static_cast<int>(ExitCode::kFile);

class SocketLaunchTest : public testing::Test {
 protected:
  std::unique_ptr<Launch> meet(int rank, int n_rank) const {
    return make_socket_launch({BootstrapKind::file, folder_.path()},
                              test::environment_of_rank(rank, n_rank));
  }

  /// Exit codes of n ranks that have met and then do `body`; what they print goes to errors().
  std::vector<int> codes(int n_rank, const std::function<int(Launch&)>& body) const {
    return test::run_forked_ranks(n_rank, [&](int rank) {
      const int file = ::open(error_file_.c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600);
      ::dup2(file, STDERR_FILENO);
      const std::unique_ptr<Launch> launch = meet(rank, n_rank);
      return body(*launch);
    });
  }
  std::string errors() const { return read_text_file(error_file_); }

  /// Blocks until the others come, which they never do.
  static void wait_in_collective(Launch& launch) {
    CpuDevice device({});
    const auto collectives =
        launch.make_collectives(device, {.n_replica = launch.info().world_size});
    const Buffer buffer = device.allocate(256, MemoryCategory::workspace);
    const TensorView tensor = buffer.view(DType::f32, {64});
    device.synchronize(collectives->all_reduce(tensor, tensor, ReduceOp::sum, Group::world,
                                               device.communication_stream(), {}));
  }
  static void compute_for_a_minute() {
    const WaitLimit until = from_now(std::chrono::minutes(1));
    while (std::chrono::steady_clock::now() < until) {
    }
  }

  test::TempDir folder_;
  std::filesystem::path error_file_ = folder_ / "errors";
};

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

TEST_F(SocketLaunchTest, knows_every_rank_and_its_node) {
  const auto found = codes(4, [](Launch& launch) {
    const RankInfo& info = launch.info();
    EXPECT_EQ(info.world_size, 4);
    EXPECT_EQ(info.host, "node" + std::to_string(info.rank / 2));
    EXPECT_EQ(info.local_rank, info.rank % 2);
    EXPECT_EQ(info.local_size, 2);
    EXPECT_EQ(launch.ranks().back().host, "node1");
    return 0;
  });
  EXPECT_EQ(found, (std::vector<int>{0, 0, 0, 0}));
}

TEST_F(SocketLaunchTest, exchanges_host_values) {
  const auto found = codes(3, [](Launch& launch) {
    const int rank = launch.info().rank;
    EXPECT_EQ(launch.gather_to_all(10.0 + rank), (std::vector<double>{10, 11, 12}));
    EXPECT_EQ(launch.max_over_ranks(-rank), 0);
    EXPECT_EQ(launch.max_over_ranks(rank), 2);
    std::vector<std::byte> bytes(1'000'000, std::byte{static_cast<unsigned char>(rank + 5)});
    launch.broadcast_from_first(bytes);
    EXPECT_EQ(bytes.back(), std::byte{5});
    return rank;
  });
  EXPECT_EQ(found, (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(errors(), "");
}

TEST_F(SocketLaunchTest, makes_collectives_for_layouts_of_its_size_only) {
  const auto found = codes(2, [](Launch& launch) {
    CpuDevice device({});
    EXPECT_EQ(launch.make_collectives(device, {.n_shard = 2})->size(Group::shard), 2);
    EXPECT_THROW(launch.make_collectives(device, {.n_shard = 3}), ConfigError);
    return 0;
  });
  EXPECT_EQ(found, (std::vector<int>{0, 0}));
}

TEST_F(SocketLaunchTest, a_job_of_one_rank_needs_no_meeting) {
  const auto launch =
      make_socket_launch({BootstrapKind::tcp, "no-such-host:1"}, test::environment_of_rank(0, 1));
  EXPECT_EQ(launch->info().world_size, 1);
}

TEST_F(SocketLaunchTest, file_is_gone_once_all_have_met) {
  codes(2, [](Launch& launch) { return launch.info().rank; });
  EXPECT_FALSE(std::filesystem::exists(folder_ / ".bootstrap-test"));
}

// One waits in a collective, one in a host call, one computes.
TEST_F(SocketLaunchTest, killed_rank_ends_the_job_wherever_the_others_are) {
  const auto found = codes(4, [](Launch& launch) {
    switch (launch.info().rank) {
      case 0:
        compute_for_a_minute();
        break;
      case 1:
        wait_in_collective(launch);
        break;
      case 2:
        launch.max_over_ranks(0);
        break;
      default:
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        std::raise(SIGKILL);
    }
    return kTestFailed;
  });
  EXPECT_EQ(found, (std::vector<int>{kLost, kLost, kLost, kKilled}));
  EXPECT_EQ(count(errors(), "rank 3 on node1 is gone without a word"), 1U) << errors();
  EXPECT_EQ(count(errors(), "error:"), 1U) << errors();
}

// Ranks 1 and 2 are the first others of their nodes.
TEST_F(SocketLaunchTest, killed_rank_0_is_reported_once_per_node) {
  const auto found = codes(4, [](Launch& launch) {
    if (launch.info().rank == 0) std::raise(SIGKILL);
    wait_in_collective(launch);
    return kTestFailed;
  });
  EXPECT_EQ(found, (std::vector<int>{kKilled, kLost, kLost, kLost}));
  EXPECT_EQ(count(errors(), "rank 0 on node0 is gone without a word"), 2U) << errors();
}

TEST_F(SocketLaunchTest, abort_ends_every_rank_with_its_exit_code) {
  for (const int first : {0, 2}) {
    const auto found = codes(3, [first](Launch& launch) {
      if (launch.info().rank == first) launch.abort(7);
      if (launch.info().rank == 1) wait_in_collective(launch);
      compute_for_a_minute();
      return kTestFailed;
    });
    EXPECT_EQ(found, (std::vector<int>{7, 7, 7})) << "first: " << first;
  }
  EXPECT_EQ(errors(), "");  // whoever aborts has said why
}

TEST_F(SocketLaunchTest, exit_without_farewell_is_a_loss) {
  const auto found = codes(2, [](Launch& launch) {
    if (launch.info().rank == 1) ::_exit(0);
    wait_in_collective(launch);
    return kTestFailed;
  });
  EXPECT_EQ(found, (std::vector<int>{kLost, 0}));
}

TEST_F(SocketLaunchTest, stopped_rank_is_waited_for) {
  const auto found = codes(2, [](Launch& launch) {
    if (launch.info().rank == 1) {
      const pid_t self = ::getpid();
      if (::fork() == 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(300));
        ::kill(self, SIGCONT);
        ::_exit(0);
      }
      std::raise(SIGSTOP);
    }
    wait_in_collective(launch);
    return 0;
  });
  EXPECT_EQ(found, (std::vector<int>{0, 0}));
}

// Rank 0 sends more than rank 1 takes.
TEST_F(SocketLaunchTest, ranks_at_different_calls_notice) {
  const auto found = codes(2, [](Launch& launch) {
    CpuDevice device({});
    const auto collectives = launch.make_collectives(device, {.n_shard = 2});
    const Buffer buffer = device.allocate(64, MemoryCategory::workspace);
    const TensorView tensor = buffer.view(DType::i32, {launch.info().rank == 0 ? 16 : 8});
    const Event done =
        collectives->broadcast(tensor, 0, Group::world, device.communication_stream(), {});
    if (launch.info().rank == 1) {
      const std::string message =
          test::message_of<CommunicationError>([&] { device.synchronize(done); });
      EXPECT_THAT(message, testing::StartsWith("rank 1 on node0: broadcast of 8 i32 failed (rank 0 "
                                               "on node0 is at collective 1 with a message of 64 "
                                               "bytes"));
      EXPECT_THROW(collectives->poll(), CommunicationError);
    }
    return 0;
  });
  EXPECT_EQ(found, (std::vector<int>{0, 0}));
}

// Rank 0 sends 16 elements to rank 1, which awaits 8.
TEST_F(SocketLaunchTest, failed_exchange_counts_the_elements_of_its_messages) {
  const auto found = codes(2, [](Launch& launch) {
    const int rank = launch.info().rank;
    CpuDevice device({});
    const auto collectives = launch.make_collectives(device, {.n_shard = 2});
    const Buffer buffer = device.allocate(256, MemoryCategory::workspace);
    const Message other{1 - rank, buffer.view(DType::i32, {rank == 0 ? 16 : 8})};
    const std::vector<Message> sends = rank == 0 ? std::vector{other} : std::vector<Message>{};
    const std::vector<Message> receives = rank == 1 ? std::vector{other} : std::vector<Message>{};
    const Event done =
        collectives->exchange(sends, receives, Group::world, device.communication_stream(), {});
    if (rank == 1) {
      EXPECT_THAT(test::message_of<CommunicationError>([&] { device.synchronize(done); }),
                  testing::StartsWith("rank 1 on node0: exchange of 8 i32 failed (rank 0 on node0 "
                                      "is at collective 1 with a message of 64 bytes"));
    }
    return 0;
  });
  EXPECT_EQ(found, (std::vector<int>{0, 0}));
}

TEST_F(SocketLaunchTest, failed_broadcasts_count_the_elements_of_all) {
  const auto found = codes(2, [](Launch& launch) {
    const int rank = launch.info().rank;
    CpuDevice device({});
    const auto collectives = launch.make_collectives(device, {.n_shard = 2});
    const Buffer buffer = device.allocate(256, MemoryCategory::workspace);
    const std::vector<Share> shares = {{buffer.view(DType::i32, {3}), 0},
                                       {buffer.view(DType::i32, {rank == 0 ? 16 : 8}), 0}};
    const Event done =
        collectives->broadcast_each(shares, Group::world, device.communication_stream(), {});
    if (rank == 1) {
      EXPECT_THAT(test::message_of<CommunicationError>([&] { device.synchronize(done); }),
                  testing::StartsWith("rank 1 on node0: broadcast_each of 11 i32 failed"));
    }
    return 0;
  });
  EXPECT_EQ(found, (std::vector<int>{0, 0}));
}

TEST_F(SocketLaunchTest, rank_0_may_come_late) {
  const auto found = test::run_forked_ranks(2, [&](int rank) {
    if (rank == 0) std::this_thread::sleep_for(std::chrono::milliseconds(300));
    return meet(rank, 2)->info().world_size;
  });
  EXPECT_EQ(found, (std::vector<int>{2, 2}));
}

// Its address leads nowhere, and its token is not that of this start.
TEST_F(SocketLaunchTest, file_of_an_earlier_start_is_not_taken) {
  write_text_file(folder_ / ".bootstrap-test",
                  "isoflop-bootstrap-1\n0123456789abcdef0123456789abcdef\n127.0.0.1:9\nend\n");
  const auto found = test::run_forked_ranks(2, [&](int rank) {
    if (rank == 0) std::this_thread::sleep_for(std::chrono::milliseconds(200));
    return meet(rank, 2)->info().world_size;
  });
  EXPECT_EQ(found, (std::vector<int>{2, 2}));
}

TEST_F(SocketLaunchTest, tcp_meets_at_the_port_given) {
  const int port = local_port(listen_at("127.0.0.1", 0));  // free again now
  const auto found = test::run_forked_ranks(3, [&](int rank) {
    const auto launch =
        make_socket_launch({BootstrapKind::tcp, "localhost:" + std::to_string(port)},
                           test::environment_of_rank(rank, 3));
    return static_cast<int>(launch->max_over_ranks(rank + 1));
  });
  EXPECT_EQ(found, (std::vector<int>{3, 3, 3}));
}

TEST_F(SocketLaunchTest, port_in_use_is_named) {
  const Socket other = listen_at("127.0.0.1", 0);
  const std::string place = "127.0.0.1:" + std::to_string(local_port(other));
  const std::string message = test::message_of<CommunicationError>([&] {
    make_socket_launch({BootstrapKind::tcp, place}, test::environment_of_rank(0, 2));
  });
  EXPECT_THAT(message,
              testing::HasSubstr("rank 0 cannot listen at '" + place + "' (Address already"));
}

}  // namespace
}  // namespace isoflop
