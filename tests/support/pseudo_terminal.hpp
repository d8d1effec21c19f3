// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdlib>
#include <functional>
#include <pty.h>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace isoflop::test {

/// What `action` prints when stdin, stdout and stderr are a terminal of so many columns, as the
/// terminal gets it ("\r\n" at line ends). It runs in a child process.
inline std::string printed_on_terminal(const std::function<void()>& action, int columns) {
  winsize size{};
  size.ws_row = 24;
  size.ws_col = static_cast<unsigned short>(columns);
  int terminal = -1;
  const pid_t child = forkpty(&terminal, nullptr, nullptr, &size);
  if (child < 0) throw std::runtime_error("forkpty failed");
  if (child == 0) {
    action();
    std::fflush(nullptr);
    _exit(0);
  }
  std::string printed;
  std::array<char, 4096> buffer{};
  for (ssize_t n = 0; (n = read(terminal, buffer.data(), buffer.size())) > 0;)
    printed.append(buffer.data(), static_cast<std::size_t>(n));
  close(terminal);
  int status = 0;
  waitpid(child, &status, 0);
  if (status != 0) throw std::runtime_error("failed on the terminal: " + printed);
  return printed;
}

/// The lines that a reader sees in the end: characters overwrite those at their place, '\r' goes to
/// the first column. Trailing blanks and empty lines are left out.
inline std::vector<std::string> screen_of(const std::string& printed) {
  std::vector<std::string> lines(1);
  std::size_t column = 0;
  for (const char c : printed) {
    std::string& line = lines.back();
    if (c == '\n') {
      lines.emplace_back();
    } else if (c == '\r') {
      column = 0;
    } else {
      if (column >= line.size()) line.resize(column + 1, ' ');
      line[column++] = c;
    }
  }
  for (std::string& line : lines) line.erase(line.find_last_not_of(' ') + 1);
  std::erase(lines, "");
  return lines;
}

}  // namespace isoflop::test
