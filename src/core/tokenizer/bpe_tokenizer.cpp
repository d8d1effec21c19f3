// SPDX-License-Identifier: MIT
#include "core/tokenizer/bpe_tokenizer.hpp"

#include "core/base/error.hpp"
#include "core/data/checksum.hpp"
#include "core/tokenizer/utf8.hpp"
#include "core/tokenizer/vocabulary_files.hpp"

#include <fmt/format.h>

#include <array>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kGpt2VocabSize = 50257;

/// The files a folder may hold, by the names of Hugging Face and of OpenAI.
constexpr std::array<std::array<const char*, 2>, 2> kFilePairs = {
    {{"vocab.json", "merges.txt"}, {"encoder.json", "vocab.bpe"}}};

std::vector<fs::path> find_files(const fs::path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return {path};
  for (const auto& [vocab, merges] : kFilePairs) {
    if (fs::exists(path / vocab, error)) return {path / vocab, path / merges};
  }
  throw FileError(
      fmt::format("{}: holds no vocabulary (neither vocab.json and merges.txt nor encoder.json and "
                  "vocab.bpe); name their folder, or a .tiktoken file",
                  path.string()));
}

BpeVocabulary load(const std::vector<fs::path>& files) {
  return files.size() == 1 ? load_tiktoken_file(files[0])
                           : load_vocab_and_merges(files[0], files[1]);
}

}  // namespace

BpeTokenizer::BpeTokenizer(const fs::path& path)
    : source_(read_vocabulary_source("gpt2", find_files(path))),
      vocabulary_(std::make_shared<const BpeVocabulary>(load(source_.files))),
      encoder_(*vocabulary_) {
  name_ =
      vocabulary_->tokens.size() == kGpt2VocabSize ? "gpt2" : "gpt2-" + format_crc32(source_.crc32);
}

BpeTokenizer::BpeTokenizer(const BpeTokenizer& other)
    : source_(other.source_),
      name_(other.name_),
      vocabulary_(other.vocabulary_),
      encoder_(*vocabulary_) {}

std::unique_ptr<Tokenizer> BpeTokenizer::clone() const {
  return std::unique_ptr<Tokenizer>(new BpeTokenizer(*this));
}

void BpeTokenizer::encode(std::string_view text, std::vector<int32_t>& tokens) {
  std::string storage;
  text = replace_invalid_utf8(text, storage);
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = words_.word_end(text, start);
    encoder_.encode(text.substr(start, end - start), tokens);
    start = end;
  }
}

std::string BpeTokenizer::decode(std::span<const int32_t> tokens) const {
  std::string text;
  for (const int32_t token : tokens) text += vocabulary_->tokens[static_cast<std::size_t>(token)];
  return text;
}

}  // namespace isoflop
