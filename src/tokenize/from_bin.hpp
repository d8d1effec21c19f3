// SPDX-License-Identifier: MIT
#pragma once

#include "tokenize/tokenize.hpp"

namespace isoflop {

/// Turns headerless files of uint16 ids into a dataset. Throws ConfigError for impossible options,
/// FileError for a file that cannot be read, is cut within an id, or holds an id outside of the
/// vocabulary, and for a full disk; `out` then holds no new dataset.
TokenizeResult tokenize_from_bin(const FromBinOptions& options);

}  // namespace isoflop
