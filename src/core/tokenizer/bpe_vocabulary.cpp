// SPDX-License-Identifier: MIT
#include "core/tokenizer/bpe_vocabulary.hpp"

#include "core/base/error.hpp"
#include "core/base/json_read.hpp"
#include "core/base/text_file.hpp"
#include "core/tokenizer/base64.hpp"
#include "core/tokenizer/byte_alphabet.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>

namespace isoflop {
namespace {

namespace fs = std::filesystem;
using TokenIds = std::unordered_map<std::string_view, int32_t>;

/// More ids than any published vocabulary; a damaged file cannot ask for all memory.
constexpr int64_t kMaxVocab = int64_t{1} << 24;

[[noreturn]] void fail(const std::string& where, const std::string& problem) {
  throw ConfigError(fmt::format("{}: {}; fetch the file again", where, problem));
}

/// The lines of a text with their numbers, from 1; empty ones are passed over.
std::vector<std::pair<int64_t, std::string_view>> numbered_lines(std::string_view text) {
  std::vector<std::pair<int64_t, std::string_view>> lines;
  for (int64_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) lines.emplace_back(number, line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

/// Places `token` under its id, which must be free and below `n_tokens`.
void place_token(std::vector<std::string>& tokens, int64_t id, std::string token,
                 const std::string& where) {
  const auto n_tokens = static_cast<int64_t>(tokens.size());
  if (id < 0 || id >= n_tokens)
    fail(where, fmt::format("id is {} (must be in [0, {}), the number of tokens)", id, n_tokens));
  std::string& place = tokens[static_cast<std::size_t>(id)];
  if (!place.empty()) fail(where, fmt::format("id is {} (an earlier token has it)", id));
  if (token.empty()) fail(where, "the token is empty");
  place = std::move(token);
}

/// Ids by bytes; the end-of-text token, which no text can give, is left out.
TokenIds ids_of(const BpeVocabulary& vocabulary, const std::string& where) {
  TokenIds ids;
  ids.reserve(vocabulary.tokens.size());
  for (std::size_t i = 0; i < vocabulary.tokens.size(); ++i) {
    const auto id = static_cast<int32_t>(i);
    if (id == vocabulary.eot_token) continue;
    if (!ids.emplace(vocabulary.tokens[i], id).second)
      fail(where, fmt::format("id {} is the same token as an earlier one", id));
  }
  return ids;
}

void find_byte_tokens(BpeVocabulary& vocabulary, const TokenIds& ids, const std::string& where) {
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const auto found = ids.find(std::string_view(&c, 1));
    if (found == ids.end())
      fail(where, fmt::format("has no token for byte 0x{:02x} (not a byte-level BPE)", byte));
    vocabulary.byte_tokens.push_back(found->second);
  }
}

/// Every way to put a token together from two others.
MergeTable merges_by_rank(const TokenIds& ids) {
  struct Split {
    int32_t left, right, token;
  };
  std::vector<Split> splits;
  for (const auto& [bytes, token] : ids) {
    for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
      const auto left = ids.find(bytes.substr(0, cut));
      const auto right = left == ids.end() ? ids.end() : ids.find(bytes.substr(cut));
      if (right != ids.end()) splits.push_back({left->second, right->second, token});
    }
  }
  MergeTable merges(splits.size());
  for (const Split& split : splits) merges.add(split.left, split.right, {split.token, split.token});
  return merges;
}

struct RankedToken {
  std::string bytes;
  int64_t rank;
};

RankedToken parse_tiktoken_line(std::string_view line, const std::string& where) {
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos) fail(where, "must be a token in base 64 and its rank");
  const std::optional<std::string> bytes = decode_base64(line.substr(0, space));
  if (!bytes) fail(where, fmt::format("token is '{}' (not base 64)", line.substr(0, space)));
  const std::string_view number = line.substr(space + 1);
  int64_t rank = 0;
  const auto [stop, error] = std::from_chars(number.data(), number.data() + number.size(), rank);
  if (error != std::errc{} || stop != number.data() + number.size())
    fail(where, fmt::format("rank is '{}' (must be an integer)", number));
  return {*bytes, rank};
}

std::string where_of(const fs::path& path, int64_t line) {
  return fmt::format("{}:{}", path.string(), line);
}

/// Tokens of vocab.json in the order of their ids; sets the end-of-text token.
std::vector<std::string> read_vocab_json(const fs::path& path, int32_t& eot_token) {
  const auto entries = read_json_integers(read_text_file(path), path.string());
  if (static_cast<int64_t>(entries.size()) > kMaxVocab)
    fail(path.string(), fmt::format("has {} tokens", entries.size()));
  std::vector<std::string> tokens(entries.size());
  std::optional<int32_t> eot;
  for (const auto& [text, id] : entries) {
    if (text == kEndOfText) eot = static_cast<int32_t>(id);
    const std::optional<std::string> bytes = text == kEndOfText ? text : bytes_of_alphabet(text);
    if (!bytes) fail(path.string(), fmt::format("token '{}' is not in GPT-2's alphabet", text));
    place_token(tokens, id, *bytes, path.string());
  }
  if (!eot) fail(path.string(), fmt::format("has no token '{}'", kEndOfText));
  eot_token = *eot;
  return tokens;
}

/// The id of a token as merges.txt writes it.
int32_t id_in_merge(std::string_view text, const TokenIds& ids, const std::string& where) {
  const std::optional<std::string> bytes = bytes_of_alphabet(text);
  const auto found = bytes ? ids.find(*bytes) : ids.end();
  if (found == ids.end()) fail(where, fmt::format("'{}' is not in the vocabulary", text));
  return found->second;
}

MergeTable read_merges(const fs::path& path, const TokenIds& ids) {
  const std::string text = read_text_file(path);
  const auto lines = numbered_lines(text);
  MergeTable merges(lines.size());
  int32_t rank = 0;
  for (const auto& [number, line] : lines) {
    if (number == 1 && line.starts_with("#version")) continue;
    const std::string where = where_of(path, number);
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos) fail(where, "must be two tokens");
    const std::string_view left = line.substr(0, space);
    const std::string_view right = line.substr(space + 1);
    const int32_t merged = id_in_merge(std::string(left) + std::string(right), ids, where);
    merges.add(id_in_merge(left, ids, where), id_in_merge(right, ids, where), {rank++, merged});
  }
  return merges;
}

}  // namespace

MergeTable::MergeTable(std::size_t n_merges) {
  const std::size_t n_slots = std::bit_ceil(std::max<std::size_t>(2 * n_merges, 2));
  mask_ = n_slots - 1;
  shift_ = 64 - std::countr_zero(n_slots);
  slots_.resize(n_slots);
}

void MergeTable::add(int32_t left, int32_t right, Merge merge) {
  const uint64_t key = key_of(left, right);
  std::size_t i = slot_of(key);
  while (slots_[i].key != kEmpty && slots_[i].key != key) i = (i + 1) & mask_;
  if (slots_[i].key == key && slots_[i].merge.rank < merge.rank) return;
  slots_[i] = {key, merge};
}

BpeVocabulary load_tiktoken_file(const fs::path& path) {
  const std::string text = read_text_file(path);
  const auto lines = numbered_lines(text);
  if (lines.empty() || static_cast<int64_t>(lines.size()) > kMaxVocab)
    fail(path.string(), fmt::format("has {} tokens", lines.size()));
  BpeVocabulary vocabulary{.tokens = std::vector<std::string>(lines.size()),
                           .eot_token = static_cast<int32_t>(lines.size()),
                           .byte_tokens = {},
                           .merges = MergeTable(0),
                           .whole_words = {}};
  for (const auto& [number, line] : lines) {
    const std::string where = where_of(path, number);
    RankedToken token = parse_tiktoken_line(line, where);
    place_token(vocabulary.tokens, token.rank, std::move(token.bytes), where);
  }
  vocabulary.tokens.emplace_back(kEndOfText);
  vocabulary.whole_words = ids_of(vocabulary, path.string());
  find_byte_tokens(vocabulary, vocabulary.whole_words, path.string());
  vocabulary.merges = merges_by_rank(vocabulary.whole_words);
  return vocabulary;
}

BpeVocabulary load_vocab_and_merges(const fs::path& vocab, const fs::path& merges) {
  BpeVocabulary vocabulary{
      .tokens = {}, .eot_token = 0, .byte_tokens = {}, .merges = MergeTable(0), .whole_words = {}};
  vocabulary.tokens = read_vocab_json(vocab, vocabulary.eot_token);
  const TokenIds ids = ids_of(vocabulary, vocab.string());
  find_byte_tokens(vocabulary, ids, vocab.string());
  vocabulary.merges = read_merges(merges, ids);
  return vocabulary;
}

}  // namespace isoflop
