// SPDX-License-Identifier: MIT
#include "core/base/terminal.hpp"

#include <cstdlib>
#include <string_view>
#include <sys/ioctl.h>
#include <unistd.h>

namespace isoflop {

bool can_redraw(std::FILE* file) {
  const char* const term = std::getenv("TERM");
  return isatty(fileno(file)) == 1 && term != nullptr && *term != '\0' &&
         std::string_view(term) != "dumb";
}

int terminal_columns(std::FILE* file) {
  constexpr int kUsual = 80;
  winsize size{};
  return ioctl(fileno(file), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kUsual;
}

}  // namespace isoflop
