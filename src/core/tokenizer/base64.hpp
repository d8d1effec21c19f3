// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace isoflop {

/// The bytes of a text in base 64 (RFC 4648, section 4, with padding); absent when it is none.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace isoflop
