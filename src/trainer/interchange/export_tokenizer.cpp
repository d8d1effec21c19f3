// SPDX-License-Identifier: MIT
#include "trainer/interchange/export_tokenizer.hpp"

#include "core/base/json_writer.hpp"
#include "core/base/text_file.hpp"
#include "core/tokenizer/bpe_vocabulary.hpp"

#include <fmt/format.h>

#include <vector>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

void copy_as(const fs::path& from, const fs::path& to) {
  write_text_file(to, read_text_file(from));
}

/// transformers' GPT2Tokenizer gives the ids of ours: no prefix space, nothing added.
std::string gpt2_tokenizer_config(int64_t max_seq_len) {
  JsonWriter json;
  json.begin_object()
      .entry("tokenizer_class", "GPT2Tokenizer")
      .entry("add_prefix_space", false)
      .entry("model_max_length", max_seq_len);
  for (const char* const role : {"bos_token", "eos_token", "unk_token"})
    json.entry(role, kEndOfText);
  return json.end_object().text();
}

/// vocab.json and merges.txt, or as GPT-2's release calls them encoder.json and vocab.bpe.
std::string export_bpe(const fs::path& from, const std::vector<fs::path>& files,
                       const fs::path& folder, int64_t max_seq_len) {
  copy_as(from / files[0], folder / "vocab.json");
  copy_as(from / files[1], folder / "merges.txt");
  write_text_file(folder / "tokenizer_config.json", gpt2_tokenizer_config(max_seq_len));
  return "vocab.json, merges.txt and tokenizer_config.json (GPT2Tokenizer)";
}

std::string export_vocabulary(const ModelDataset& dataset, const fs::path& folder,
                              int64_t max_seq_len) {
  const VocabularySource& vocabulary = *dataset.index->vocabulary;
  if (vocabulary.scheme == "gpt2" && vocabulary.files.size() == 2)
    return export_bpe(dataset.folder, vocabulary.files, folder, max_seq_len);
  std::string names;
  for (const fs::path& file : vocabulary.files) {
    const std::string name =
        vocabulary.scheme == "sentencepiece" ? "tokenizer.model" : file.filename().string();
    copy_as(dataset.folder / file, folder / name);
    names += (names.empty() ? "" : ", ") + name;
  }
  return fmt::format("{} (ids are those of '{}', which no tokenizer_config.json describes)", names,
                     dataset.index->tokenizer);
}

}  // namespace

std::string export_tokenizer(const ModelDataset& dataset, const fs::path& folder,
                             int64_t max_seq_len) {
  if (!dataset.index)
    return fmt::format("unknown: {} holds no dataset (--data names one)", dataset.folder.string());
  if (!dataset.index->vocabulary)
    return fmt::format("no files: '{}' has none, {} ends a document", dataset.index->tokenizer,
                       dataset.index->eot_token);
  return export_vocabulary(dataset, folder, max_seq_len);
}

}  // namespace isoflop
