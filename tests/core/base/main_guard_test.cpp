// SPDX-License-Identifier: MIT
#include "core/base/main_guard.hpp"

#include "core/base/error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <new>
#include <optional>
#include <stdexcept>
#include <unistd.h>

namespace isoflop {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct Outcome {
  int exit_code;
  std::string error_output;
  std::optional<int> told_on_error;
  std::string told_message;
};

Outcome run(const std::function<int()>& body) {
  Outcome outcome{};
  testing::internal::CaptureStderr();
  outcome.exit_code = run_main("planner", body, [&](int exit_code, const std::string& message) {
    outcome.told_on_error = exit_code;
    outcome.told_message = message;
  });
  outcome.error_output = testing::internal::GetCapturedStderr();
  return outcome;
}

template <typename ErrorType>
Outcome run_throwing() {
  return run([]() -> int { throw ErrorType("a.yaml:1: problem"); });
}

TEST(MainGuard, the_body_decides_when_nothing_is_thrown) {
  const Outcome outcome = run([] { return 6; });
  EXPECT_EQ(outcome.exit_code, 6);
  EXPECT_EQ(outcome.error_output, "");
  EXPECT_FALSE(outcome.told_on_error.has_value());
}

TEST(MainGuard, an_error_is_one_line_and_its_exit_code) {
  const Outcome outcome = run_throwing<ConfigError>();
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_EQ(outcome.error_output, "planner: error: a.yaml:1: problem\n");
  EXPECT_EQ(outcome.told_on_error, 2);
  EXPECT_EQ(outcome.told_message, "a.yaml:1: problem");
}

TEST(MainGuard, each_type_has_its_documented_exit_code) {
  EXPECT_EQ(run_throwing<FileError>().exit_code, 3);
  EXPECT_EQ(run_throwing<NothingFitsError>().exit_code, 4);
  EXPECT_EQ(run_throwing<DeviceMissingError>().exit_code, 5);
  EXPECT_EQ(run_throwing<DivergedError>().exit_code, 7);
  EXPECT_EQ(run_throwing<OutOfMemoryError>().exit_code, 8);
}

TEST(MainGuard, what_another_rank_reports_is_not_printed_again) {
  const Outcome outcome = run([]() -> int { throw ReportedElsewhereError(ExitCode::kFile); });
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_EQ(outcome.error_output, "");
  EXPECT_EQ(outcome.told_on_error, 3);
  EXPECT_EQ(outcome.told_message, "");
}

TEST(MainGuard, host_memory_running_out_is_code_8) {
  const Outcome outcome = run([]() -> int { throw std::bad_alloc(); });
  EXPECT_EQ(outcome.exit_code, 8);
  EXPECT_THAT(outcome.error_output, HasSubstr("out of host memory"));
}

TEST(MainGuard, a_path_that_the_system_refuses_is_code_3) {
  const Outcome outcome = run([]() -> int {
    std::filesystem::current_path("/no/such/folder");
    return 0;
  });
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_THAT(outcome.error_output, HasSubstr("No such file or directory"));
  EXPECT_THAT(outcome.error_output, Not(HasSubstr("internal error")));
}

TEST(MainGuard, what_no_one_expected_is_an_internal_error) {
  const Outcome outcome = run([]() -> int { throw std::out_of_range("at(7)"); });
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_EQ(outcome.error_output, "planner: error: internal error: at(7)\n");
  EXPECT_EQ(run([]() -> int { throw 42; }).exit_code, 1);
}

/// While in scope, stdout leads to /dev/full.
class FullStdout {
 public:
  FullStdout() {
    std::fflush(stdout);
    saved_ = dup(STDOUT_FILENO);
    const int full = open("/dev/full", O_WRONLY);
    dup2(full, STDOUT_FILENO);
    close(full);
  }
  ~FullStdout() {
    std::clearerr(stdout);
    dup2(saved_, STDOUT_FILENO);
    close(saved_);
  }

 private:
  int saved_;
};

TEST(MainGuard, results_that_cannot_be_printed_are_a_file_error) {
  const FullStdout full;
  const Outcome outcome = run([] {
    std::printf("a table\n");
    return 0;
  });
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_THAT(
      outcome.error_output,
      StartsWith("planner: error: standard output: cannot write (No space left on device)"));
}

}  // namespace
}  // namespace isoflop
