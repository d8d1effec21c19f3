// SPDX-License-Identifier: MIT
#include "core/run/guarded_read.hpp"

#include "core/base/error.hpp"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace isoflop {
namespace {

constexpr std::size_t kMaxOutput = 4096;  // a pipe takes this much without a reader

[[noreturn]] void fail(const char* action) {
  throw FileError(fmt::format("cannot {} to examine a run file ({}); close other programs", action,
                              std::strerror(errno)));
}

/// Nothing of the parent's signal set-up may keep the alarm from ending the child.
void arm_alarm(std::chrono::seconds limit) {
  std::signal(SIGALRM, SIG_DFL);
  sigset_t alarm_only;
  sigemptyset(&alarm_only);
  sigaddset(&alarm_only, SIGALRM);
  sigprocmask(SIG_UNBLOCK, &alarm_only, nullptr);
  alarm(static_cast<unsigned>(limit.count()));
}

/// Leaves without running exit handlers or flushing the parent's buffers.
[[noreturn]] void run_child(const std::function<std::string()>& attempt, int out,
                            std::chrono::seconds limit) {
  constexpr struct rlimit kNoCoreFile { 0, 0 };
  setrlimit(RLIMIT_CORE, &kNoCoreFile);
  arm_alarm(limit);
  int status = 1;
  try {
    const std::string output = attempt().substr(0, kMaxOutput);
    status =
        write(out, output.data(), output.size()) == static_cast<ssize_t>(output.size()) ? 0 : 1;
  } catch (...) {
    status = 1;
  }
  _exit(status);
}

std::string read_all(int in) {
  std::string output;
  std::array<char, kMaxOutput> buffer;
  for (;;) {
    const ssize_t count = read(in, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return output;
    output.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) fail("wait for a process");
  }
  return status;
}

}  // namespace

GuardedOutcome run_guarded(const std::function<std::string()>& attempt,
                           std::chrono::seconds limit) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) fail("open a pipe");
  const pid_t child = fork();
  if (child < 0) {
    close(ends[0]);
    close(ends[1]);
    fail("start a process");
  }
  if (child == 0) run_child(attempt, ends[1], limit);
  close(ends[1]);
  GuardedOutcome outcome;
  outcome.output = read_all(ends[0]);
  close(ends[0]);
  const int status = wait_for(child);
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
    outcome.kind = GuardedOutcome::Kind::timed_out;
  else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    outcome.kind = GuardedOutcome::Kind::crashed;
  return outcome;
}

}  // namespace isoflop
