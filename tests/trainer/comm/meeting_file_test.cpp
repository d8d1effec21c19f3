// SPDX-License-Identifier: MIT
#include "trainer/comm/meeting_file.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"

namespace isoflop {
namespace {

using testing::HasSubstr;

class MeetingFileTest : public testing::Test {
 protected:
  test::TempDir folder_;
  std::filesystem::path path_ = folder_ / "new/.bootstrap-1.0.0";
};

TEST_F(MeetingFileTest, says_where_rank_0_is_until_it_is_removed) {
  {
    const MeetingFile file(path_, "node0", 4000);
    const Meeting meeting = read_meeting_file(path_);
    EXPECT_EQ(meeting.token, file.token());
    EXPECT_EQ(meeting.token.size(), 32U);
    EXPECT_EQ(meeting.endpoints.back().host, "node0");
    EXPECT_EQ(meeting.endpoints.front().host, own_addresses().front());
    EXPECT_EQ(meeting.endpoints.front().port, 4000);
  }
  EXPECT_EQ(test::message_of<FileError>([&] { read_meeting_file(path_); }),
            path_.string() + ": cannot open (No such file or directory)");
}

TEST_F(MeetingFileTest, only_its_owner_can_read_it) {
  const MeetingFile file(path_, "node0", 4000);
  using std::filesystem::perms;
  EXPECT_EQ(std::filesystem::status(path_).permissions(), perms::owner_read | perms::owner_write);
}

TEST_F(MeetingFileTest, every_start_has_another_token) {
  const MeetingFile one(path_, "node0", 4000);
  const MeetingFile other(path_, "node0", 4000);
  EXPECT_NE(one.token(), other.token());
  EXPECT_EQ(read_meeting_file(path_).token, other.token());
}

TEST_F(MeetingFileTest, incomplete_or_foreign_text_is_no_meeting) {
  write_text_file(path_, "isoflop-bootstrap-1\ntoken\n10.0.0.1:4000\n");
  EXPECT_EQ(test::message_of<FileError>([&] { read_meeting_file(path_); }),
            path_.string() + ": is not complete yet");
  write_text_file(path_, "shopping list");
  EXPECT_EQ(test::message_of<FileError>([&] { read_meeting_file(path_); }),
            path_.string() + ": holds no address of rank 0");
}

TEST_F(MeetingFileTest, name_has_the_identity_of_the_start) {
  EXPECT_EQ(meeting_path("runs", "4711.2.0"), "runs/.bootstrap-4711.2.0");
  EXPECT_THAT(test::message_of<FileError>([] { meeting_path("runs", ""); }),
              HasSubstr("(whatever set the ranks gives the job no identity); set ISOFLOP_JOB_ID"));
}

}  // namespace
}  // namespace isoflop
