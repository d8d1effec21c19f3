// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>

namespace isoflop {

/// Makes what was created, renamed or removed in `folder` (empty: the working directory) durable.
/// File systems that cannot sync a folder are left alone. Throws FileError.
void sync_folder(const std::filesystem::path& folder);

}  // namespace isoflop
