// SPDX-License-Identifier: MIT
#include "core/base/main_guard.hpp"
#include "planner/commands/commands.hpp"

int main(int argc, char** argv) {
  return isoflop::run_main("planner", [&] { return isoflop::run_command(argc, argv); });
}
