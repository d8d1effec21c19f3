// SPDX-License-Identifier: MIT
#pragma once

#include "support/temp_dir.hpp"
#include "trainer/comm/process_grid.hpp"

#include <array>
#include <cstring>
#include <filesystem>

namespace isoflop::test {

/// A folder of rank 0 that all ranks know. Construction and destruction are collective.
class SharedFolder {
 public:
  explicit SharedFolder(Launch& launch) : launch_(launch) {
    std::array<char, 256> name{};
    std::strncpy(name.data(), own_.path().c_str(), name.size() - 1);
    launch.broadcast_from_first(std::as_writable_bytes(std::span(name)));
    path_ = name.data();
  }
  SharedFolder(const SharedFolder&) = delete;
  SharedFolder& operator=(const SharedFolder&) = delete;
  /// Nobody removes it while another rank uses it.
  ~SharedFolder() { launch_.max_over_ranks(0); }

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  Launch& launch_;
  TempDir own_;
  std::filesystem::path path_;
};

}  // namespace isoflop::test
