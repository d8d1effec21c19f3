// SPDX-License-Identifier: MIT
#pragma once

#include <cstdio>

namespace isoflop {

/// Whether a line written to this file can be drawn again in place: it is a terminal and TERM names
/// one that is not dumb.
bool can_redraw(std::FILE* file);

/// Columns of the terminal behind this file; 80 where it does not tell.
int terminal_columns(std::FILE* file);

}  // namespace isoflop
