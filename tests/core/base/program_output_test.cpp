// SPDX-License-Identifier: MIT
#include "core/base/program_output.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

TEST(ProgramOutput, both_streams_and_the_exit_code) {
  const ProgramOutput output =
      run_program({"sh", "-c", "echo out; echo error >&2; echo $LC_ALL; exit 3"}).value();
  EXPECT_EQ(output.out, "out\nC\n");
  EXPECT_EQ(output.error, "error\n");
  EXPECT_EQ(output.exit_code, 3);
}

TEST(ProgramOutput, words_are_not_read_by_a_shell) {
  EXPECT_EQ(run_program({"printf", "%s", "$HOME; *"})->out, "$HOME; *");
}

TEST(ProgramOutput, more_than_a_pipe_holds) {
  EXPECT_EQ(run_program({"sh", "-c", "head -c 300000 /dev/zero"})->out.size(), 300000u);
}

TEST(ProgramOutput, a_program_that_is_not_there_is_absent) {
  EXPECT_FALSE(run_program({"isoflop-no-such-program"}).has_value());
}

TEST(ProgramOutput, a_signal_is_128_and_its_number) {
  EXPECT_EQ(run_program({"sh", "-c", "kill -9 $$"})->exit_code, 137);
}

}  // namespace
}  // namespace isoflop
