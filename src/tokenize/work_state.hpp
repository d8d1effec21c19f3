// SPDX-License-Identifier: MIT
#pragma once

#include "tokenize/batch.hpp"
#include "tokenize/split_router.hpp"
#include "tokenize/split_writer.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace isoflop {

/// How far a tokenize has come: enough to go on after a kill.
struct WorkState {
  /// Everything that decides the dataset, in words: options, inputs, program.
  std::vector<std::pair<std::string, std::string>> conditions;
  InputPlace next;
  RouterState router;
  int64_t n_bad_lines = 0;
  std::vector<int64_t> source_bytes;  ///< unpacked, of the files begun so far
  OpenSplit train;
  OpenSplit val;
};

/// Name of the state in the staging folder.
inline constexpr const char* kWorkStateName = "state.yaml";

/// Replaces `folder`/state.yaml in one step. Throws FileError.
void save_work_state(const std::filesystem::path& folder, const WorkState& state);

/// Throws FileError or ConfigError when it cannot be read.
WorkState load_work_state(const std::filesystem::path& folder, TokenDtype dtype);

/// Throws ConfigError naming the first condition that is not what it was.
void check_conditions(const WorkState& state,
                      const std::vector<std::pair<std::string, std::string>>& now,
                      const std::filesystem::path& out);

}  // namespace isoflop
