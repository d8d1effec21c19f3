// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/comm/launcher.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <exception>
#include <functional>
#include <map>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace isoflop::test {

inline EnvironmentLookup environment_of(const std::map<std::string, std::string>& variables) {
  return [variables](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

/// What a rank of a job that nothing but a shell loop started sees.
inline EnvironmentLookup environment_of_rank(int rank, int world_size) {
  return environment_of({{"RANK", std::to_string(rank)},
                         {"WORLD_SIZE", std::to_string(world_size)},
                         {"SLURMD_NODENAME", "node" + std::to_string(rank / 2)},
                         {"ISOFLOP_JOB_ID", "test"}});
}

/// The code of a child that threw or whose test failed.
inline constexpr int kTestFailed = 99;

/// Runs `body` as each rank in a process of its own, to its end; the exit codes, 128 + signal for
/// those killed.
inline std::vector<int> run_forked_ranks(int n, const std::function<int(int rank)>& body) {
  std::fflush(nullptr);
  std::vector<pid_t> pids;
  for (int rank = 0; rank < n; ++rank) {
    const pid_t pid = fork();
    if (pid != 0) {
      pids.push_back(pid);
      continue;
    }
    int code = kTestFailed;
    try {
      code = body(rank);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "rank %d threw: %s\n", rank, error.what());
    }
    std::fflush(nullptr);
    _exit(testing::Test::HasFailure() ? kTestFailed : code);
  }
  std::vector<int> codes;
  for (const pid_t pid : pids) {
    int status = 0;
    waitpid(pid, &status, 0);
    codes.push_back(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  }
  return codes;
}

}  // namespace isoflop::test
