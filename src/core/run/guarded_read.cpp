// SPDX-License-Identifier: MIT
#include "core/run/guarded_read.hpp"

#include "core/base/check.hpp"
#include "core/base/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace isoflop {
namespace {

constexpr std::size_t kMaxOutput = 4096;

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

/// Whether all of it was written.
bool write_all(int out, const void* data, std::size_t size) {
  const auto* bytes = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t count = write(out, bytes, size);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    bytes += count;
    size -= static_cast<std::size_t>(count);
  }
  return true;
}

/// Whether all of it was there.
bool read_all(int in, void* data, std::size_t size) {
  auto* bytes = static_cast<char*>(data);
  while (size > 0) {
    const ssize_t count = read(in, bytes, size);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    bytes += count;
    size -= static_cast<std::size_t>(count);
  }
  return true;
}

/// An outcome on its way: its length, then its bytes.
bool send(int out, const std::string& output) {
  const std::uint32_t size = static_cast<std::uint32_t>(std::min(output.size(), kMaxOutput));
  return write_all(out, &size, sizeof size) && write_all(out, output.data(), size);
}

bool receive(int in, std::string& output) {
  std::uint32_t size = 0;
  if (!read_all(in, &size, sizeof size)) return false;
  output.resize(size);
  return read_all(in, output.data(), size);
}

/// Leaves without running exit handlers or flushing the parent's buffers.
[[noreturn]] void run_child(const GuardedSequence::Attempt& attempt,
                            const GuardedSequence::Limit& limit, std::size_t begin, std::size_t end,
                            int out) {
  constexpr struct rlimit kNoCoreFile { 0, 0 };
  setrlimit(RLIMIT_CORE, &kNoCoreFile);
  std::signal(SIGPIPE, SIG_DFL);
  try {
    for (std::size_t item = begin; item < end; ++item) {
      arm_alarm(limit(item));
      const std::string output = attempt(item);
      alarm(0);
      if (!send(out, output)) _exit(1);
    }
  } catch (...) {
    _exit(1);
  }
  _exit(0);
}

}  // namespace

GuardedSequence::~GuardedSequence() {
  if (child_ == 0) return;
  kill(child_, SIGKILL);
  end_child();
}

void GuardedSequence::start_child() {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) fail("open a pipe");
  const pid_t child = fork();
  if (child < 0) {
    close(ends[0]);
    close(ends[1]);
    fail("start a process");
  }
  if (child == 0) {
    close(ends[0]);
    run_child(attempt_, limit_, next_, n_item_, ends[1]);
  }
  close(ends[1]);
  child_ = child;
  pipe_ = ends[0];
}

int GuardedSequence::end_child() {
  close(pipe_);
  int status = 0;
  while (waitpid(child_, &status, 0) < 0 && errno == EINTR) {
  }
  child_ = 0;
  return status;
}

GuardedOutcome GuardedSequence::next() {
  ISOFLOP_CHECK(next_ < n_item_);
  if (child_ == 0) start_child();
  GuardedOutcome outcome;
  const bool received = receive(pipe_, outcome.output);
  ++next_;
  if (received) return outcome;
  const int status = end_child();
  outcome.output.clear();
  outcome.kind = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM
                     ? GuardedOutcome::Kind::timed_out
                     : GuardedOutcome::Kind::crashed;
  return outcome;
}

GuardedOutcome run_guarded(const std::function<std::string()>& attempt,
                           std::chrono::seconds limit) {
  GuardedSequence sequence(
      1, [&](std::size_t) { return attempt(); }, [&](std::size_t) { return limit; });
  return sequence.next();
}

}  // namespace isoflop
