// SPDX-License-Identifier: MIT
#include "trainer/comm/lifelines.hpp"

#include "core/base/check.hpp"
#include "core/base/error.hpp"
#include "trainer/comm/communication_error.hpp"

#include <fmt/format.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <fcntl.h>
#include <memory>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace isoflop {
namespace {

constexpr std::chrono::seconds kVerdictLimit{20};
constexpr unsigned char kFarewell = 0;

struct Line {
  Socket socket;
  std::string loss_report;  ///< printed when it is cut; may be empty
  bool ended = false;       ///< said farewell
};

/// What the signal handler reads. Complete before the handler is installed.
struct Watch {
  std::vector<Line> lines;
  bool passes_on = false;  ///< rank 0
};

std::unique_ptr<Watch> g_owned_watch;
std::atomic<Watch*> g_watch{nullptr};
std::atomic<int> g_signals{0};
static_assert(std::atomic<Watch*>::is_always_lock_free && std::atomic<int>::is_always_lock_free,
              "a signal handler may only touch lock-free atomics");

// From here to on_signal(): only what POSIX allows in signal handlers.

void say(const Line& line, unsigned char byte) {
  ::send(line.socket.fd(), &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

[[noreturn]] void end_job(const Watch& watch, unsigned char code) {
  if (watch.passes_on)
    for (const Line& line : watch.lines) say(line, code);
  ::_exit(code);
}

void look_at(const Watch& watch, Line& line) {
  if (line.ended) return;
  unsigned char byte = 0;
  const ssize_t n = ::recv(line.socket.fd(), &byte, 1, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n == 1 && byte == kFarewell) {
    line.ended = true;
    return;
  }
  if (n == 1) end_job(watch, byte);
  const std::string& report = line.loss_report;
  if (!report.empty() && ::write(STDERR_FILENO, report.data(), report.size()) < 0) {
    // nobody reads what this program has to say
  }
  end_job(watch, static_cast<unsigned char>(ExitCode::kFile));
}

/// Several threads may be interrupted at a time: the first looks, and once more for each other.
void look_at_all() {
  const int saved_errno = errno;
  if (g_signals.fetch_add(1) == 0) {
    do {
      if (Watch* const watch = g_watch.load())
        for (Line& line : watch->lines) look_at(*watch, line);
    } while (g_signals.fetch_sub(1) > 1);
  }
  errno = saved_errno;
}

extern "C" void on_signal(int) { look_at_all(); }

void install_handler() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGIO, &action, nullptr);
}

void signal_when_readable(const Socket& socket, bool on) {
  ::fcntl(socket.fd(), F_SETOWN, ::getpid());
  const int flags = ::fcntl(socket.fd(), F_GETFL);
  ::fcntl(socket.fd(), F_SETFL, on ? flags | O_ASYNC : flags & ~O_ASYNC);
}

bool is_first_of_node_but_rank_0(const RankInfo& info, const std::vector<RankInfo>& ranks) {
  return info.local_rank == (info.host == ranks.front().host ? 1 : 0);
}

std::string loss_report(const RankInfo& lost) {
  return fmt::format(
      "trainer: error: rank {} on {} is gone without a word (killed, crashed, or its node or "
      "network failed); look there; all ranks stop\n",
      lost.rank, lost.host);
}

}  // namespace

Lifelines::Lifelines(const RankInfo& info, const std::vector<RankInfo>& ranks,
                     std::vector<Socket> connections) {
  ISOFLOP_CHECK(g_watch.load() == nullptr);
  auto watch = std::make_unique<Watch>();
  watch->passes_on = info.rank == 0;
  for (std::size_t i = 0; i < connections.size(); ++i) {
    if (!connections[i].is_open()) continue;  // rank 0 has none to itself
    const RankInfo& other = ranks[i];         // the others' only connection leads to rank 0
    const bool reports = info.rank == 0 || is_first_of_node_but_rank_0(info, ranks);
    watch->lines.push_back({std::move(connections[i]), reports ? loss_report(other) : "", false});
  }
  g_owned_watch = std::move(watch);
  g_watch = g_owned_watch.get();
  install_handler();
  for (const Line& line : g_owned_watch->lines) signal_when_readable(line.socket, true);
  look_at_all();  // what came before
}

Lifelines::~Lifelines() {
  for (const Line& line : g_owned_watch->lines) signal_when_readable(line.socket, false);
  g_watch = nullptr;
  while (g_signals > 0) std::this_thread::yield();  // another thread may still look
  if (std::uncaught_exceptions() == 0)
    for (const Line& line : g_owned_watch->lines) say(line, kFarewell);
  g_owned_watch.reset();
}

void Lifelines::abort(int exit_code) const noexcept {
  std::fflush(nullptr);
  for (const Line& line : g_owned_watch->lines) say(line, static_cast<unsigned char>(exit_code));
  ::_exit(exit_code);
}

void Lifelines::await_verdict(const std::string& message) const {
  std::this_thread::sleep_for(kVerdictLimit);  // the signal handler ends the process
  throw CommunicationError(message);
}

}  // namespace isoflop
