// SPDX-License-Identifier: MIT
#include "core/tokenizer/tokenizer.hpp"

#include "core/base/error.hpp"
#include "core/base/suggest.hpp"
#include "core/data/checksum.hpp"
#include "core/tokenizer/bpe_tokenizer.hpp"
#include "core/tokenizer/byte_tokenizer.hpp"
#include "core/tokenizer/sentencepiece_tokenizer.hpp"

#include <fmt/format.h>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

std::unique_ptr<Tokenizer> open_scheme(std::string_view scheme, const fs::path& path) {
  if (scheme == "gpt2") return std::make_unique<BpeTokenizer>(path);
  return std::make_unique<SentencePieceTokenizer>(path);
}

}  // namespace

std::unique_ptr<Tokenizer> open_tokenizer(const std::string& name) {
  if (name == kByteTokenizerName) return std::make_unique<ByteTokenizer>();
  const std::size_t colon = std::min(name.find(':'), name.size());
  const std::string scheme = name.substr(0, colon);
  const bool is_known = scheme == "gpt2" || scheme == "sentencepiece";
  if (is_known && colon + 1 < name.size()) return open_scheme(scheme, name.substr(colon + 1));
  if (is_known)
    throw ConfigError(fmt::format(
        "--tokenizer is '{}' (without its vocabulary); write {}", name,
        scheme == "gpt2" ? "gpt2:DIR with vocab.json and merges.txt, or gpt2:FILE.tiktoken"
                         : "sentencepiece:FILE.model"));
  throw ConfigError(
      fmt::format("--tokenizer is '{}' (unknown){}; there are bytes, gpt2:DIR, gpt2:FILE.tiktoken "
                  "and sentencepiece:FILE.model",
                  name, did_you_mean(scheme, {kByteTokenizerName, "gpt2", "sentencepiece"})));
}

std::unique_ptr<Tokenizer> open_dataset_tokenizer(const fs::path& folder,
                                                  const DatasetIndex& index) {
  if (index.tokenizer == kByteTokenizerName) return std::make_unique<ByteTokenizer>();
  if (!index.vocabulary)
    throw ConfigError(
        fmt::format("{}: keeps no vocabulary (it was made from ids alone), so ids cannot be "
                    "turned into text; tokenize with --tokenizer",
                    folder.string()));
  const VocabularySource& kept = *index.vocabulary;
  const fs::path first = folder / kept.files.front();
  std::unique_ptr<Tokenizer> tokenizer =
      open_scheme(kept.scheme, kept.files.size() > 1 ? first.parent_path() : first);
  const uint32_t found = tokenizer->vocabulary()->crc32;
  if (found != kept.crc32)
    throw FileError(fmt::format(
        "{}: checksum is {} ({} says {}); the vocabulary was changed, "
        "restore it or tokenize again",
        first.string(), format_crc32(found), kDatasetIndexName, format_crc32(kept.crc32)));
  return tokenizer;
}

}  // namespace isoflop
