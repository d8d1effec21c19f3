// SPDX-License-Identifier: MIT
#pragma once

#include "core/run/hdf5_handle.hpp"
#include "core/run/run_header.hpp"

namespace isoflop {

/// Creates the groups and attributes of the header and its datasets. Unknown values (empty texts,
/// absent optionals) leave no attribute.
void write_header(hid_t file, const RunHeader& header, RunState state);

/// The inverse of write_header.
RunHeader read_header(hid_t file);

/// Throws Hdf5Error when the attribute is missing or not one of the states.
RunState read_state(hid_t file);

}  // namespace isoflop
