// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace isoflop {

/// The text as one word of a POSIX shell, whatever it holds; plain words stay bare.
std::string shell_quote(const std::string& text);

/// The text as one value of an #SBATCH line, whose parser takes quotes and backslashes but no line
/// breaks (Slurm's src/sbatch/opt.c, _get_argument). Throws ConfigError for control characters;
/// `what` names the value.
std::string sbatch_quote(const std::string& text, const std::string& what);

/// The text on one comment line: control characters become spaces.
std::string comment_text(std::string text);

}  // namespace isoflop
