// SPDX-License-Identifier: MIT
#include "core/tokenizer/sentencepiece_tokenizer.hpp"

#include "core/base/error.hpp"
#include "core/data/checksum.hpp"
#include "core/tokenizer/vocabulary_files.hpp"

#include <fmt/format.h>

#include <sentencepiece_processor.h>

namespace isoflop {
namespace {

constexpr std::size_t kMaxTextBytes = std::size_t{1} << 30;

}  // namespace

SentencePieceTokenizer::SentencePieceTokenizer(const std::filesystem::path& path)
    : source_(read_vocabulary_source("sentencepiece", {path})) {
  auto model = std::make_shared<sentencepiece::SentencePieceProcessor>();
  if (!model->Load(path.string()).ok())
    throw ConfigError(
        fmt::format("{}: is not a SentencePiece model; name a .model file", path.string()));
  if (model->eos_id() < 0)
    throw ConfigError(
        fmt::format("{}: has no end-of-sentence piece (eos_id is off), which ends documents; train "
                    "the model with one",
                    path.string()));
  model_ = std::move(model);
}

SentencePieceTokenizer::SentencePieceTokenizer(const SentencePieceTokenizer& other) = default;
SentencePieceTokenizer::~SentencePieceTokenizer() = default;

std::unique_ptr<Tokenizer> SentencePieceTokenizer::clone() const {
  return std::unique_ptr<Tokenizer>(new SentencePieceTokenizer(*this));
}

std::string SentencePieceTokenizer::name() const {
  return "sentencepiece-" + format_crc32(source_.crc32);
}

int64_t SentencePieceTokenizer::vocab_size() const { return model_->GetPieceSize(); }
int32_t SentencePieceTokenizer::eot_token() const { return model_->eos_id(); }

void SentencePieceTokenizer::encode(std::string_view text, std::vector<int32_t>& tokens) {
  if (text.size() > kMaxTextBytes)
    throw FileError(
        fmt::format("a document has {} bytes (SentencePiece takes at most {} at once); cut it, for "
                    "example with --documents paragraph",
                    text.size(), kMaxTextBytes));
  std::vector<int> ids;
  const auto status = model_->Encode({text.data(), text.size()}, &ids);
  if (!status.ok())
    throw FileError(fmt::format("{}: cannot encode a document ({}); check the model",
                                source_.files.front().string(), status.ToString()));
  tokens.insert(tokens.end(), ids.begin(), ids.end());
}

std::string SentencePieceTokenizer::decode(std::span<const int32_t> tokens) const {
  std::string text;
  const auto add = [&](std::span<const int32_t> document) {
    std::string part;
    const std::vector<int> ids(document.begin(), document.end());
    const auto status = model_->Decode(ids, &part);
    if (!status.ok())
      throw FileError(fmt::format("{}: cannot decode ({}); check the model",
                                  source_.files.front().string(), status.ToString()));
    text += part;
  };
  std::size_t start = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] != eot_token()) continue;
    add(tokens.subspan(start, i - start));
    text += "<|endoftext|>";
    start = i + 1;
  }
  add(tokens.subspan(start));
  return text;
}

}  // namespace isoflop
