// SPDX-License-Identifier: MIT
// The trainer on several ranks that a shell started, against the same training under mpirun.
#include "core/run/run_reader.hpp"
#include "support/run_program.hpp"
#include "tiny_training.hpp"
#include "trainer/comm/socket.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace isoflop {
namespace {

using test::ProgramResult;
using test::run_command;

class BootstrapRun : public testing::Test {
 protected:
  BootstrapRun() {
    TrainConfig config = test::tiny_config(test::tiny_llama(), data_.folder());
    config.run.out = folder_.path();
    config.layout.global_batch_size = 8;
    std::ofstream(folder_ / "train.yaml") << write_train_config(config, "");
  }

  std::string trainer(const std::string& name, const std::string& arguments) const {
    return fmt::format("{} {} --set run.name={} {}", test::program_path("trainer"),
                       (folder_ / "train.yaml").string(), name, arguments);
  }

  /// Ranks by a shell loop; the exit code is the largest, the codes are printed in rank order.
  ProgramResult run_ranks(int n, const std::string& command) const {
    return run_command(fmt::format(
        "export WORLD_SIZE={0} ISOFLOP_JOB_ID=test; pids=; for r in $(seq 0 $(({0} - 1))); do "
        "RANK=$r LOCAL_RANK=$r {1} & pids=\"$pids $!\"; done; codes=; worst=0; "
        "for p in $pids; do wait $p; c=$?; codes=\"$codes $c\"; [ $c -le $worst ] || worst=$c; "
        "done; echo \"codes:$codes\"; exit $worst",
        n, command));
  }

  std::vector<StepRecord> steps(const std::string& name) const {
    return read_run_or_throw(folder_ / (name + ".s000.h5")).steps.in_memory();
  }

  test::TinyData data_;
  test::TempDir folder_;
};

std::string free_port() { return std::to_string(local_port(listen_at("127.0.0.1", 0))); }

struct RunCase {
  int n_rank = 2;
  std::string strategy;
  std::string bootstrap;
};

void PrintTo(const RunCase& run_case, std::ostream* out) {
  *out << run_case.n_rank << "_" << run_case.strategy << "_" << run_case.bootstrap;
}

class BootstrapLosses : public BootstrapRun, public testing::WithParamInterface<RunCase> {};

// The sums of 2 ranks are the same bits in any order; those of 4 are rounded in another order.
TEST_P(BootstrapLosses, are_those_of_the_run_under_mpirun) {
  const RunCase& run_case = GetParam();
  const std::string strategy = "--set layout.strategy=" + run_case.strategy;
  const std::string place = run_case.bootstrap == "tcp" ? "tcp:127.0.0.1:" + free_port() : "file";
  const ProgramResult sockets =
      run_ranks(run_case.n_rank, trainer("sockets", strategy + " --bootstrap " + place));
  ASSERT_EQ(sockets.exit_code, 0) << sockets.output;
  const ProgramResult mpi = run_command(fmt::format(
      "mpirun --oversubscribe --bind-to none -n {} {}", run_case.n_rank, trainer("mpi", strategy)));
  ASSERT_EQ(mpi.exit_code, 0) << mpi.output;
  const std::vector<StepRecord> expected = steps("mpi");
  const std::vector<StepRecord> found = steps("sockets");
  ASSERT_EQ(found.size(), 20U);
  ASSERT_EQ(expected.size(), 20U);
  for (std::size_t i = 0; i < 20; ++i)
    EXPECT_NEAR(found[i].loss.value(), expected[i].loss.value(), run_case.n_rank == 2 ? 0 : 1e-6)
        << "step " << i + 1;
}

INSTANTIATE_TEST_SUITE_P(All, BootstrapLosses,
                         testing::Values(RunCase{2, "ddp", "tcp"}, RunCase{2, "fsdp", "file"},
                                         RunCase{4, "fsdp", "tcp"}, RunCase{4, "ddp", "file"}),
                         testing::PrintToStringParamName());

TEST_F(BootstrapRun, wrong_configuration_is_said_once_with_its_code_on_all_ranks) {
  for (const std::string& place : {std::string("file"), "tcp:127.0.0.1:" + free_port()}) {
    const ProgramResult result =
        run_ranks(2, trainer("x", "--set optimizer.lr=-1 --bootstrap " + place));
    EXPECT_THAT(result.output, testing::HasSubstr("codes: 2 2"));
    const std::size_t first = result.output.find("trainer: error:");
    ASSERT_NE(first, std::string::npos) << result.output;
    EXPECT_EQ(result.output.find("trainer: error:", first + 1), std::string::npos) << result.output;
  }
}

TEST_F(BootstrapRun, layout_of_other_ranks_is_refused) {
  const ProgramResult result =
      run_ranks(2, trainer("x", "--set layout.n_ranks=4 --bootstrap tcp:127.0.0.1:" + free_port()));
  EXPECT_THAT(result.output, testing::HasSubstr("layout.n_ranks is '4' (this run has 2 ranks)"));
  EXPECT_THAT(result.output, testing::HasSubstr("codes: 2 2"));
}

TEST_F(BootstrapRun, diverged_training_ends_all_ranks_with_7) {
  const ProgramResult result = run_ranks(
      2, trainer("x", "--set optimizer.lr=1e30 --set schedule.steps=100 --bootstrap file"));
  EXPECT_THAT(result.output, testing::HasSubstr("codes: 7 7"));
}

// exec: the shell becomes the rank that is killed, once the run has begun.
TEST_F(BootstrapRun, killed_rank_ends_the_run_with_3_and_is_named) {
  const std::string endless = trainer(
      "x", "--set schedule.steps=100000000 --set run.log_interval=1000000 --bootstrap file");
  const ProgramResult result = run_ranks(
      4, fmt::format("bash -c 'if [ $RANK = 2 ]; then (until [ -e {}/x.s000.h5 ]; do sleep 0.1; "
                     "done; kill -9 $$) & fi; exec {}'",
                     folder_.path().string(), endless));
  EXPECT_THAT(result.output, testing::HasSubstr("codes: 3 3 137 3"));
  EXPECT_THAT(result.output, testing::HasSubstr("error: rank 2 on "));
}

TEST_F(BootstrapRun, mpi_without_a_launcher_says_what_to_do) {
  const ProgramResult result = run_command(trainer("x", "--bootstrap mpi"));
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.output, testing::HasSubstr("no MPI launcher started this process"));
}

TEST_F(BootstrapRun, help_and_version_need_no_ranks) {
  EXPECT_EQ(run_command(test::program_path("trainer") + " --bootstrap tcp --version").exit_code, 0);
}

}  // namespace
}  // namespace isoflop
