// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace isoflop {

/// How the ranks of a job find each other. automatic: by MPI where a launcher's environment is
/// there, else the process is alone.
enum class BootstrapKind { automatic, mpi, tcp, file };

struct Bootstrap {
  BootstrapKind kind = BootstrapKind::automatic;
  /// tcp: HOST:PORT of rank 0; file: a folder that every rank sees. Empty: found by themselves.
  std::string place;
};

/// Reads "mpi", "tcp", "tcp:HOST:PORT", "file" and "file:FOLDER". Throws ConfigError.
Bootstrap parse_bootstrap(std::string_view text);

}  // namespace isoflop
