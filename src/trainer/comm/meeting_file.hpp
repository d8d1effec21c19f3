// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/comm/rendezvous.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace isoflop {

/// Rank 0's addresses and a random token in a file that all ranks see; only this user can read it.
/// Removed on destruction.
class MeetingFile {
 public:
  /// Replaces what an earlier start has left. Throws FileError.
  MeetingFile(std::filesystem::path path, const std::string& host, int port);
  ~MeetingFile();
  MeetingFile(const MeetingFile&) = delete;
  MeetingFile& operator=(const MeetingFile&) = delete;

  const std::string& token() const { return token_; }

 private:
  std::filesystem::path path_;
  std::string token_;
};

/// Where the file of a start of a job is: FOLDER/.bootstrap-ID. Throws FileError when there is no
/// identity.
std::filesystem::path meeting_path(const std::filesystem::path& folder, const std::string& job_id);

/// What the file says now. One left behind by an earlier start leads nowhere, or to a rank 0 that
/// knows another token: read it again later. Throws FileError when there is none.
Meeting read_meeting_file(const std::filesystem::path& path);

/// The addresses of this machine that others can reach; the loopback device's where it has no
/// other.
std::vector<std::string> own_addresses();

}  // namespace isoflop
