// SPDX-License-Identifier: MIT
#include "trainer/stop_signal.hpp"

#include <atomic>
#include <csignal>

namespace isoflop {
namespace {

std::atomic<int> g_stop_signal{0};
static_assert(std::atomic<int>::is_always_lock_free,
              "a signal handler may only touch lock-free atomics");

extern "C" void on_stop_signal(int number) {
  const int earlier = g_stop_signal.exchange(number);
  if (number == SIGINT && earlier == SIGINT) {
    std::signal(SIGINT, SIG_DFL);
    std::raise(SIGINT);
  }
}

}  // namespace

void install_stop_signals() {
  struct sigaction action {};
  action.sa_handler = on_stop_signal;
  action.sa_flags = SA_RESTART;
  for (const int number : {SIGTERM, SIGINT, SIGUSR2}) sigaction(number, &action, nullptr);
}

int stop_signal() { return g_stop_signal.load(); }

}  // namespace isoflop
