// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace isoflop {

/// The nodes of a Slurm list in its order: "gpu[01-03,7],login" is gpu01, gpu02, gpu03, gpu7,
/// login. Several brackets in a name multiply, the last one fastest. Throws FileError for anything
/// else. Source: slurm.schedmd.com/hostlist.html.
std::vector<std::string> expand_node_list(std::string_view list);

}  // namespace isoflop
