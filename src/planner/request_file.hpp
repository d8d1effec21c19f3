// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace CLI {
class App;
}

namespace isoflop {

/// Gives the options of `app` that the command line did not set the values that a file has for
/// them: a map of option names without dashes. Flags take true and false. Throws FileError and
/// ConfigError, the latter for a key that is no option with the nearest one.
void read_request_file(const std::filesystem::path& file, CLI::App& app);

/// The text of a request file with these options and values.
std::string write_request(const std::vector<std::pair<std::string, std::string>>& options,
                          const std::string& header);

}  // namespace isoflop
