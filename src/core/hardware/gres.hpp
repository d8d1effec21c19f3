// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace isoflop {

/// A GPU line of Slurm's generic resources, as sinfo, scontrol and sbatch write it.
struct Gres {
  std::optional<std::string> type;  ///< "h100"; absent in "gpu:8"
  std::optional<int> count;         ///< absent in "gpu:h100"
};

/// Reads "gpu:h100:8", "gpu:8", "gpu:h100:8(S:0-1)", "gpu:(null):8(IDX:0-7)", "gres/gpu:h100=8".
/// Absent when the text is not GRES at all. Throws ConfigError for a GRES that makes no sense or
/// lists several resources.
std::optional<Gres> parse_gres(std::string_view text);

}  // namespace isoflop
