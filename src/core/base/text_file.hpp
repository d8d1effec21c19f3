// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace isoflop {

/// The whole file. Throws FileError naming the path and the system's reason.
std::string read_text_file(const std::filesystem::path& path);

/// Writes beside the target, syncs and renames, so that a reader sees the old file or the new one,
/// never a part; creates missing parent folders. `mode`: as AtomicFile's. Throws FileError (for
/// example "No space left on device") and leaves the old file as it was.
void write_text_file(const std::filesystem::path& path, std::string_view text, mode_t mode = 0644);

/// The folder of gpus.yaml and its neighbours: $ISOFLOP_DATA, or share/isoflop/data of the
/// installation, or data/ of the source tree the program was built in. Throws FileError when none
/// exists.
std::filesystem::path data_dir();

}  // namespace isoflop
