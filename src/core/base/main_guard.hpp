// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <string>

namespace isoflop {

/// Runs a program's body, prints one line "<program>: error: <message>" to stderr for any exception
/// and returns its exit code; so too when stdout cannot take the results. `on_error`, when given,
/// is called after the line is printed (the trainer aborts the whole job there); `message` is empty
/// where another rank reports.
int run_main(const std::string& program, const std::function<int()>& body,
             const std::function<void(int exit_code, const std::string& message)>& on_error = {});

}  // namespace isoflop
