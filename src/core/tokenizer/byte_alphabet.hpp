// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace isoflop {

/// The bytes that a token of GPT-2's vocab.json or merges.txt stands for; absent when it holds a
/// character outside of that alphabet. There, printable bytes of Latin-1 stand for themselves and
/// the n-th other byte is U+0100 + n (openai/gpt-2, src/encoder.py, bytes_to_unicode).
std::optional<std::string> bytes_of_alphabet(std::string_view token);

}  // namespace isoflop
