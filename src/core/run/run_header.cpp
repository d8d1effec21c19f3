// SPDX-License-Identifier: MIT
#include "core/run/run_header.hpp"

namespace isoflop {

std::string to_string(RunState state) {
  switch (state) {
    case RunState::running:
      return "running";
    case RunState::checkpointed:
      return "checkpointed";
    case RunState::done:
      return "done";
    case RunState::failed:
      return "failed";
    case RunState::nan:
      return "nan";
    case RunState::stopped:
      return "stopped";
  }
  return "unknown";
}

}  // namespace isoflop
