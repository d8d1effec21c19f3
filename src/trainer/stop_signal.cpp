// SPDX-License-Identifier: MIT
#include "trainer/stop_signal.hpp"

#include <array>
#include <atomic>
#include <csignal>
#include <pthread.h>
#include <thread>
#include <unistd.h>

namespace isoflop {
namespace {

std::atomic<int> g_stop_signal{0};
static_assert(std::atomic<int>::is_always_lock_free,
              "a signal handler may only touch lock-free atomics");

constexpr std::array kStopSignals = {SIGTERM, SIGINT, SIGUSR2};

extern "C" void on_stop_signal(int number) {
  const int earlier = g_stop_signal.exchange(number);
  if (number == SIGINT && earlier == SIGINT) {
    std::signal(SIGINT, SIG_DFL);
    std::raise(SIGINT);
  }
}

/// Handlers run on a thread of their own: generated code of math libraries, which the others run,
/// does not bear being interrupted by one.
void leave_stop_signals_to_a_thread() {
  std::thread([] {
    while (true) pause();
  }).detach();
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : kStopSignals) sigaddset(&signals, number);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // threads that begin later inherit it
}

}  // namespace

void install_stop_signals() {
  struct sigaction action {};
  action.sa_handler = on_stop_signal;
  action.sa_flags = SA_RESTART;
  for (const int number : kStopSignals) sigaction(number, &action, nullptr);
  static const bool once = (leave_stop_signals_to_a_thread(), true);
  static_cast<void>(once);
}

int stop_signal() { return g_stop_signal.load(); }

}  // namespace isoflop
