// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>

namespace isoflop {

/// Throws the FileError "path: cannot ACTION (the system's words for error_number)".
[[noreturn]] void throw_file_failure(const std::filesystem::path& path, const char* action,
                                     int error_number);

}  // namespace isoflop
