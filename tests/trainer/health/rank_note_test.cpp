// SPDX-License-Identifier: MIT
#include "trainer/health/rank_note.hpp"

#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace isoflop {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

/// `n` ranks, eight to a node: "node0", "node1", ...
std::vector<RankInfo> ranks_of(int n) {
  std::vector<std::string> hosts;
  for (int rank = 0; rank < n; ++rank) hosts.push_back("node" + std::to_string(rank / 8));
  return rank_infos(hosts);
}

RankNote note_of(int rank, const std::string& phase, PeerWaits waits) {
  return {.rank = rank,
          .host = "node" + std::to_string(rank / 8),
          .pid = 1000 + rank,
          .step = 17,
          .phase = phase,
          .lasted_s = 600,
          .step_lasted_s = 601,
          .waits = waits};
}

/// Everybody in the 41st collective.
std::vector<RankNote> waiting_notes(int n) {
  std::vector<RankNote> notes;
  for (int rank = 0; rank < n; ++rank) notes.push_back(note_of(rank, "backward", {41, 40}));
  return notes;
}

TEST(JudgeStall, the_one_that_waits_for_nobody_is_to_blame) {
  std::vector<RankNote> notes = waiting_notes(1024);
  notes[777] = note_of(777, "data", {40, 40});
  const StallVerdict verdict = judge_stall(notes, ranks_of(1024));
  EXPECT_THAT(verdict.suspects, ElementsAre(Suspect{777, "node97"}));
  EXPECT_EQ(verdict.text,
            "rank 777 on node97 in phase 'data' of step 17 for 10 min 0 s (step: 10 min 1 s), "
            "1023 of 1024 ranks wait for others");
}

TEST(JudgeStall, the_one_that_is_silent_is_to_blame) {
  std::vector<RankNote> notes = waiting_notes(16);
  notes.erase(notes.begin() + 9);
  const StallVerdict verdict = judge_stall(notes, ranks_of(16));
  EXPECT_THAT(verdict.suspects, ElementsAre(Suspect{9, "node1"}));
  EXPECT_THAT(verdict.text, StartsWith("rank 9 on node1 gave no sign (stopped, dead, or cut off"));
  EXPECT_THAT(verdict.text, HasSubstr("the other 15 ranks wait in phase 'backward' of step 17"));
}

// A ring lets some pass before it comes to a halt at the silent one: they are victims all the same.
TEST(JudgeStall, ranks_that_wait_in_different_places_for_a_silent_one_are_not_blamed) {
  std::vector<RankNote> notes = waiting_notes(4);
  notes[3].waits = {42, 41};
  notes.erase(notes.begin() + 2);
  const StallVerdict verdict = judge_stall(notes, ranks_of(4));
  EXPECT_THAT(verdict.suspects, ElementsAre(Suspect{2, "node0"}));
  EXPECT_THAT(verdict.text, HasSubstr("the other 3 ranks wait in phase"));
}

TEST(JudgeStall, a_silent_node_is_named_shortly) {
  std::vector<RankNote> notes = waiting_notes(16);
  notes.resize(8);
  const StallVerdict verdict = judge_stall(notes, ranks_of(16));
  EXPECT_EQ(verdict.suspects.size(), 8U);
  EXPECT_THAT(verdict.text, StartsWith("rank 8 on node1, rank 9 on node1, rank 10 on node1, rank "
                                       "11 on node1 and 4 others gave no sign"));
}

// Rank 3 waits for nobody either, but it is ahead: it waits for nothing that rank 2 does.
TEST(JudgeStall, of_those_that_wait_for_nobody_the_one_behind_is_to_blame) {
  std::vector<RankNote> notes = waiting_notes(4);
  notes[2] = note_of(2, "forward", {40, 40});
  notes[3] = note_of(3, "backward", {41, 41});
  EXPECT_THAT(judge_stall(notes, ranks_of(4)).suspects, ElementsAre(Suspect{2, "node0"}));
}

TEST(JudgeStall, a_rank_in_an_earlier_collective_than_the_others_is_to_blame) {
  std::vector<RankNote> notes = waiting_notes(4);
  notes[1].waits = {39, 38};
  const StallVerdict verdict = judge_stall(notes, ranks_of(4));
  EXPECT_THAT(verdict.suspects, ElementsAre(Suspect{1, "node0"}));
  EXPECT_THAT(verdict.text, HasSubstr("the others wait in a later place"));
}

TEST(JudgeStall, ranks_that_wait_for_each_other_are_not_blamed) {
  const StallVerdict verdict = judge_stall(waiting_notes(4), ranks_of(4));
  EXPECT_THAT(verdict.suspects, IsEmpty());
  EXPECT_THAT(verdict.text, StartsWith("all ranks wait for each other in phase 'backward'"));
}

TEST(JudgeStall, a_rank_alone_is_named_without_others) {
  const std::vector<RankNote> notes{note_of(0, "data", {})};
  const StallVerdict verdict = judge_stall(notes, ranks_of(1));
  EXPECT_THAT(verdict.suspects, ElementsAre(Suspect{0, "node0"}));
  EXPECT_THAT(verdict.text, Not(HasSubstr("others")));
}

class NoteFolderTest : public testing::Test {
 protected:
  test::TempDir parent_;
  NoteFolder folder_{parent_ / "run.stalled-1"};
};

TEST_F(NoteFolderTest, is_made_by_the_first_note) {
  EXPECT_FALSE(folder_.exists());
  EXPECT_THAT(folder_.ranks(), IsEmpty());
  folder_.leave(note_of(3, "data", {}));
  EXPECT_TRUE(folder_.exists());
}

TEST_F(NoteFolderTest, gives_notes_back_by_rank) {
  const RankNote last = note_of(1000, "backward", {41, 40});
  const RankNote first = note_of(20, "data", {40, 40});
  folder_.leave(last);
  folder_.leave(first);
  EXPECT_THAT(folder_.ranks(), ElementsAre(20, 1000));
  EXPECT_THAT(folder_.read(), ElementsAre(first, last));
}

TEST_F(NoteFolderTest, passes_over_what_is_no_whole_note) {
  folder_.leave(note_of(2, "data", {}));
  std::ofstream(folder_.path() / "rank-000001.json") << "{\"rank\": 1";
  std::ofstream(folder_.path() / "rank-000000.json.part77") << "{";
  EXPECT_THAT(folder_.ranks(), ElementsAre(1, 2));
  EXPECT_EQ(folder_.read().size(), 1U);
}

}  // namespace
}  // namespace isoflop
