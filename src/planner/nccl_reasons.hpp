// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string_view>

namespace isoflop {

/// Why a site may want to set a variable of NCCL, in words for the comment of a job script; absent
/// for variables that this table does not know. Source: NCCL's documentation, "Environment
/// Variables" (docs.nvidia.com/deeplearning/nccl/user-guide/docs/env.html).
std::optional<std::string_view> nccl_reason(std::string_view variable);

}  // namespace isoflop
