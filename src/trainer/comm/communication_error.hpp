// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/error.hpp"

#include <string>

namespace isoflop {

/// A collective failed: a peer, the network or the MPI library. The message names rank, host and
/// operation; the job cannot go on.
struct CommunicationError : FileError {
  explicit CommunicationError(const std::string& message) : FileError(message) {}
};

}  // namespace isoflop
