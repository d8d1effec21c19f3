// SPDX-License-Identifier: MIT
#include "core/data/mapped_access.hpp"

#include <csetjmp>
#include <csignal>

namespace isoflop {
namespace {

thread_local sigjmp_buf* t_way_out = nullptr;  ///< set during an access
struct sigaction g_previous {};

extern "C" void on_bus_error(int) {
  if (t_way_out) siglongjmp(*t_way_out, 1);
  sigaction(SIGBUS, &g_previous, nullptr);  // the access is tried again and fails as it would have
}

bool install_handler() {
  struct sigaction action {};
  action.sa_handler = on_bus_error;
  action.sa_flags = SA_NODEFER;  // the handler is left by a jump
  sigaction(SIGBUS, &action, &g_previous);
  return true;
}

}  // namespace

bool try_mapped_access(const std::function<void()>& access) {
  static const bool once = install_handler();
  static_cast<void>(once);
  sigjmp_buf way_out;
  if (sigsetjmp(way_out, 0) != 0) {
    t_way_out = nullptr;
    return false;
  }
  t_way_out = &way_out;
  access();
  t_way_out = nullptr;
  return true;
}

}  // namespace isoflop
