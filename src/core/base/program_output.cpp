// SPDX-License-Identifier: MIT
#include "core/base/program_output.hpp"

#include "core/base/error.hpp"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <spawn.h>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace isoflop {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

/// An unnamed file: unlike a pipe it takes any amount while nobody reads.
File make_unnamed_file() {
  File file(std::tmpfile());
  if (!file) throw FileError(fmt::format("temporary file: {}", std::strerror(errno)));
  return file;
}

std::string read_all(std::FILE* file) {
  std::rewind(file);
  std::string text;
  std::array<char, 65536> buffer{};
  while (const std::size_t count = std::fread(buffer.data(), 1, buffer.size(), file))
    text.append(buffer.data(), count);
  return text;
}

class SpawnActions {
 public:
  SpawnActions() { posix_spawn_file_actions_init(&actions_); }
  ~SpawnActions() { posix_spawn_file_actions_destroy(&actions_); }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;

  void redirect(int descriptor, std::FILE* file) {
    posix_spawn_file_actions_adddup2(&actions_, fileno(file), descriptor);
  }
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

/// The environment with LC_ALL=C, so that no program translates what we read.
std::vector<char*> c_locale_environment() {
  static char locale[] = "LC_ALL=C";
  std::vector<char*> result = {locale};
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!std::string_view(*entry).starts_with("LC_ALL=")) result.push_back(*entry);
  }
  result.push_back(nullptr);
  return result;
}

int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

std::optional<ProgramOutput> run_program(const std::vector<std::string>& words) {
  const File out = make_unnamed_file();
  const File error = make_unnamed_file();
  SpawnActions actions;
  actions.redirect(STDOUT_FILENO, out.get());
  actions.redirect(STDERR_FILENO, error.get());
  std::vector<std::string> copies = words;
  std::vector<char*> arguments;
  for (std::string& word : copies) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  std::vector<char*> environment = c_locale_environment();
  pid_t child = 0;
  const int failure = posix_spawnp(&child, words.front().c_str(), actions.get(), nullptr,
                                   arguments.data(), environment.data());
  if (failure == ENOENT) return std::nullopt;
  if (failure != 0) throw FileError(fmt::format("{}: {}", words.front(), std::strerror(failure)));
  const int exit_code = wait_for(child);
  return ProgramOutput{exit_code, read_all(out.get()), read_all(error.get())};
}

}  // namespace isoflop
