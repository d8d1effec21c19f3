// SPDX-License-Identifier: MIT
#include "tokenize/tokenizer.hpp"

#include "core/base/error.hpp"
#include "core/base/suggest.hpp"
#include "tokenize/byte_tokenizer.hpp"

#include <fmt/format.h>

namespace isoflop {

std::unique_ptr<Tokenizer> make_tokenizer(const std::string& name) {
  if (name == kByteTokenizerName) return std::make_unique<ByteTokenizer>();
  throw ConfigError(fmt::format("--tokenizer is '{}' (unknown){}; this version has: {}", name,
                                did_you_mean(name, {kByteTokenizerName}), kByteTokenizerName));
}

}  // namespace isoflop
