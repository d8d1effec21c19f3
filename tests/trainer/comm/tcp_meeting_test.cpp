// SPDX-License-Identifier: MIT
#include "trainer/comm/tcp_meeting.hpp"

#include "core/base/error.hpp"
#include "support/error_matchers.hpp"
#include "trainer/comm/forked_ranks.hpp"

namespace isoflop {
namespace {

using test::environment_of;
using testing::ElementsAre;
using testing::HasSubstr;

const JobPlace kByHand{.rank = 1, .world_size = 4};
const JobPlace kSlurm{.rank = 0, .world_size = 4, .source = JobPlace::Source::slurm};
const std::map<std::string, std::string> kStep = {{"SLURM_JOB_ID", "1000"},
                                                  {"SLURM_STEP_ID", "3"},
                                                  {"SLURM_NODEID", "0"},
                                                  {"SLURM_STEP_NODELIST", "gpu[07-09]"},
                                                  {"SLURM_JOB_NODELIST", "gpu[01-16]"}};

TEST(TcpMeeting, place_on_the_command_line_comes_first) {
  const TcpMeeting meeting = find_tcp_meeting(
      "[fd00::7]:4000", kByHand, environment_of({{"MASTER_ADDR", "a"}, {"MASTER_PORT", "1"}}));
  EXPECT_EQ(meeting.host, "fd00::7");
  EXPECT_THAT(meeting.ports, ElementsAre(4000));
}

TEST(TcpMeeting, master_variables_are_used_as_by_torchrun) {
  const TcpMeeting meeting = find_tcp_meeting(
      "", kByHand, environment_of({{"MASTER_ADDR", "node3"}, {"MASTER_PORT", "29500"}}));
  EXPECT_EQ(meeting.host, "node3");
  EXPECT_THAT(meeting.ports, ElementsAre(29500));
}

// 20000 + (17 * 1000 + 3) mod 12000.
TEST(TcpMeeting, slurm_step_needs_no_variables) {
  const TcpMeeting meeting = find_tcp_meeting("", kSlurm, environment_of(kStep));
  EXPECT_EQ(meeting.host, "gpu07");
  EXPECT_THAT(meeting.ports, ElementsAre(25003, 25004, 25005, 25006));
}

TEST(TcpMeeting, address_alone_may_be_given_in_a_slurm_step) {
  auto variables = kStep;
  variables["MASTER_ADDR"] = "127.0.0.1";
  const TcpMeeting meeting = find_tcp_meeting("", kSlurm, environment_of(variables));
  EXPECT_EQ(meeting.host, "127.0.0.1");
  EXPECT_EQ(meeting.ports.front(), 25003);
}

TEST(TcpMeeting, rank_0_elsewhere_than_on_the_first_node_is_an_error) {
  auto variables = kStep;
  variables["SLURM_NODEID"] = "2";
  EXPECT_THAT(
      test::message_of<FileError>([&] { find_tcp_meeting("", kSlurm, environment_of(variables)); }),
      HasSubstr("rank 0 is not on the first node of 'gpu[07-09]'"));
}

TEST(TcpMeeting, what_is_missing_or_wrong_is_named) {
  const auto message = [](const std::map<std::string, std::string>& variables) {
    return test::message_of<FileError>(
        [&] { find_tcp_meeting("", kByHand, environment_of(variables)); });
  };
  EXPECT_THAT(message({}), HasSubstr("set MASTER_ADDR for every process"));
  EXPECT_THAT(message(kStep), HasSubstr("nothing tells rank 0's node (Slurm is asked only where "
                                        "SLURM_PROCID numbers the ranks)"));
  EXPECT_THAT(message({{"MASTER_ADDR", "a"}}), HasSubstr("set MASTER_PORT for every process"));
  EXPECT_THAT(message({{"MASTER_ADDR", "a"}, {"MASTER_PORT", "70000"}}),
              HasSubstr("MASTER_PORT is '70000'"));
}

}  // namespace
}  // namespace isoflop
