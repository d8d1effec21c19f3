// SPDX-License-Identifier: MIT
#include "tokenize/summary.hpp"

#include "core/base/format.hpp"

#include <fmt/format.h>

#include <numeric>

namespace isoflop {
namespace {

int64_t text_bytes(const DatasetIndex& index) {
  return std::accumulate(
      index.sources.begin(), index.sources.end(), int64_t{0},
      [](int64_t total, const SourceFile& source) { return total + source.n_bytes; });
}

std::string table_row(const char* name, const SplitIndex& split) {
  const int64_t n_bytes =
      std::accumulate(split.shards.begin(), split.shards.end(), int64_t{0},
                      [](int64_t total, const ShardEntry& shard) { return total + shard.n_bytes; });
  return fmt::format("  {:<6}{:>13}{:>17}{:>17}{:>8}{:>12}\n", name,
                     format_grouped(split.n_documents),
                     split.n_text_bytes ? format_grouped(*split.n_text_bytes) : "-",
                     format_grouped(split.n_tokens), split.shards.size(), format_bytes(n_bytes));
}

std::string baseline_lines(const NgramBaselines& baselines) {
  return fmt::format(
      "loss on validation of counting alone: {:.3f} by token frequencies, {:.3f} by bigrams (nats "
      "per token)\n",
      baselines.unigram_nats_per_token, baselines.bigram_nats_per_token);
}

}  // namespace

std::string tokenize_summary(const TokenizeResult& result, const std::filesystem::path& out) {
  const DatasetIndex& index = result.index;
  const auto n_bytes = static_cast<double>(text_bytes(index) - result.n_bytes_before);
  const auto n_tokens =
      static_cast<double>(index.train.n_tokens + index.val.n_tokens - result.n_tokens_before);
  std::string text;
  if (result.n_bytes_before > 0)
    text += fmt::format("resumed behind the first {}\n", format_bytes(result.n_bytes_before));
  text += fmt::format("read {} from {} file(s) in {}, {:.1f} MB/s, {} tokens/s\n",
                      format_bytes(n_bytes), index.sources.size(), format_duration(result.seconds),
                      n_bytes / 1e6 / result.seconds, format_count(n_tokens / result.seconds));
  if (result.n_bad_lines > 0)
    text += fmt::format("skipped {} bad line(s)\n", format_grouped(result.n_bad_lines));
  text +=
      fmt::format("documents: {}\nvalidation: {}\n", index.document_rule, index.validation_rule);
  text += fmt::format("  {:<6}{:>13}{:>17}{:>17}{:>8}{:>12}\n", "split", "documents", "text bytes",
                      "tokens", "shards", "size");
  text += table_row("train", index.train) + table_row("val", index.val);
  if (index.baselines) text += baseline_lines(*index.baselines);
  text += fmt::format("wrote {} (tokenizer {}, vocab_size {})\n",
                      (out / kDatasetIndexName).string(), index.tokenizer, index.vocab_size);
  text += fmt::format(
      "next: planner CLUSTER.yaml --hours H --data {0}, or trainer TRAIN.yaml --set "
      "data.path={0}\n",
      out.string());
  return text;
}

}  // namespace isoflop
