// SPDX-License-Identifier: MIT
// Runs on 1, 2 and 4 ranks.
#include "trainer/agree.hpp"

#include "core/base/error.hpp"

#include <gtest/gtest.h>

#include <new>
#include <stdexcept>

namespace isoflop {
namespace {

class Agree : public testing::Test {
 protected:
  int rank() const { return job_->info().rank; }
  int last() const { return job_->info().world_size - 1; }
  const std::unique_ptr<Launch> job_ = make_launch(nullptr, nullptr);
};

/// What `work` made this rank throw: exit code and, where it is this rank's to report, its message.
struct Failure {
  ExitCode code = ExitCode::kSuccess;
  std::string message;
};

template <typename Work>
Failure failure_of(Launch& job, const Work& work) {
  try {
    run_on_all_ranks(job, work);
    return {};
  } catch (const ReportedElsewhereError& error) {
    return {error.exit_code(), "silent"};
  } catch (const Error& error) {
    return {error.exit_code(), error.what()};
  } catch (const std::exception& error) {
    return {ExitCode::kInternal, error.what()};
  }
}

TEST_F(Agree, success_everywhere_is_silent) {
  int calls = 0;
  EXPECT_EQ(failure_of(*job_, [&] { ++calls; }).code, ExitCode::kSuccess);
  EXPECT_EQ(calls, 1);
}

TEST_F(Agree, one_failing_rank_fails_all_with_its_code_and_speaks_alone) {
  const Failure failure = failure_of(*job_, [&] {
    if (rank() == last()) throw FileError("disk on the last rank");
  });
  EXPECT_EQ(failure.code, ExitCode::kFile);
  EXPECT_EQ(failure.message, rank() == last() ? "disk on the last rank" : "silent");
  EXPECT_TRUE(failed_together());
}

TEST_F(Agree, the_first_failing_rank_decides) {
  const Failure failure = failure_of(*job_, [&] {
    if (rank() == 0) throw ConfigError("key on rank 0");
    throw OutOfMemoryError("memory elsewhere");
  });
  EXPECT_EQ(failure.code, ExitCode::kUsage);
  EXPECT_EQ(failure.message, rank() == 0 ? "key on rank 0" : "silent");
}

TEST_F(Agree, other_exceptions_have_their_codes) {
  EXPECT_EQ(failure_of(*job_, [] { throw std::bad_alloc(); }).code,
            rank() == 0 ? ExitCode::kInternal : ExitCode::kOutOfMemory);
  EXPECT_EQ(failure_of(*job_, [] { throw std::logic_error("defect"); }).code, ExitCode::kInternal);
}

TEST_F(Agree, the_text_of_rank_0_is_on_every_rank_whatever_theirs_is) {
  const std::string own(static_cast<std::size_t>(3 * (rank() + 1)),
                        static_cast<char>('a' + rank()));
  EXPECT_EQ(list_of_first(own, *job_), "aaa");
  EXPECT_EQ(list_of_first(rank() == 0 ? "" : own, *job_), "");
}

TEST_F(Agree, ranks_can_go_on_after_a_failure) {
  failure_of(*job_, [&] {
    if (rank() == last()) throw FileError("once");
  });
  EXPECT_EQ(failure_of(*job_, [] {}).code, ExitCode::kSuccess);
}

}  // namespace
}  // namespace isoflop
