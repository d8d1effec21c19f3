// SPDX-License-Identifier: MIT
#pragma once

#include "core/run/hdf5_handle.hpp"

namespace isoflop {

/// How many of the first `rows` rows of a chunked dataset lie within the file as it is on disk. The
/// library reads what is behind the end of a cut file as zeros, without an error.
hsize_t stored_rows(hid_t dataset, hsize_t rows);

}  // namespace isoflop
