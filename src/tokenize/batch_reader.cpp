// SPDX-License-Identifier: MIT
#include "tokenize/batch_reader.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace isoflop {
namespace {

bool continues_char(char c) { return (c & 0xC0) == 0x80; }

}  // namespace

BatchReader::BatchReader(const InputFiles& inputs, const ReadingRule& rule,
                         const Tokenizer& tokenizer, InputPlace place)
    : inputs_(inputs),
      rule_(rule),
      tokenizer_(tokenizer),
      place_{place.file, 0},
      first_(place),
      splitter_(rule.documents, rule.separator,
                {.text = [this](std::string_view text) { add_text(text); },
                 .end = [this] { end_document(); }}),
      n_tail_left_(rule.tail_start.value_or(std::numeric_limits<int64_t>::max())) {
  for (int64_t i = 0; i < place.file; ++i)
    n_stored_before_ += inputs.files[static_cast<std::size_t>(i)].n_stored_bytes;
}

std::optional<TextBatch> BatchReader::next() {
  while (ready_.empty()) {
    if (place_.file == static_cast<int64_t>(inputs_.files.size())) return std::nullopt;
    read_chunk();
  }
  TextBatch batch = std::move(ready_.front());
  ready_.pop_front();
  return batch;
}

void BatchReader::read_chunk() {
  const InputFile& file = inputs_.files[static_cast<std::size_t>(place_.file)];
  if (!source_) source_.emplace(file.path);
  const std::string_view chunk = source_->next();
  if (chunk.empty()) return end_file();
  n_unread_bytes_ += static_cast<int64_t>(chunk.size());
  if (file.format == InputFormat::json_lines) return feed_lines(chunk);
  splitter_.feed(chunk);
  if (batch_.text.size() >= rule_.batch_bytes) cut_open_document();
}

/// Fills whole lines into batches; a line that has not ended stays in batch_.
void BatchReader::feed_lines(std::string_view chunk) {
  const std::size_t last = chunk.rfind('\n');
  const std::size_t n_whole = last == std::string_view::npos ? 0 : last + 1;
  batch_.text += chunk.substr(0, n_whole);
  if (n_whole > 0 && batch_.text.size() >= rule_.batch_bytes) emit();
  batch_.text += chunk.substr(n_whole);
}

void BatchReader::end_file() {
  if (inputs_.files[static_cast<std::size_t>(place_.file)].format == InputFormat::text)
    splitter_.finish();
  if (!batch_.text.empty() || !batch_.parts.empty() || n_unread_bytes_ > 0) emit();
  n_stored_before_ += inputs_.files[static_cast<std::size_t>(place_.file)].n_stored_bytes;
  source_.reset();
  place_ = {place_.file + 1, 0};
  if (!ready_.empty()) ready_.back().next = place_;
  next_line_ = 1;
  n_unread_bytes_ = 0;
}

/// Ends the document where the tail that is held out starts, at the end of a character.
void BatchReader::add_text(std::string_view text) {
  auto n_before =
      static_cast<std::size_t>(std::min<int64_t>(n_tail_left_, static_cast<int64_t>(text.size())));
  n_tail_left_ -= static_cast<int64_t>(n_before);
  while (!in_tail_ && n_tail_left_ == 0 && n_before < text.size() && n_moved_ < 3 &&
         continues_char(text[n_before])) {
    ++n_before;
    ++n_moved_;
  }
  append(text.substr(0, n_before));
  if (n_before == text.size()) return;
  if (!in_tail_ && (in_document_ || batch_.text.size() > open_from_)) end_document();
  in_tail_ = true;
  append(text.substr(n_before));
}

void BatchReader::append(std::string_view text) { batch_.text += text; }

void BatchReader::end_document() {
  batch_.parts.push_back({static_cast<int64_t>(batch_.text.size() - open_from_), true});
  open_from_ = batch_.text.size();
  no_cut_below_ = 0;
  in_document_ = false;
  if (batch_.text.size() >= rule_.batch_bytes) emit();
}

/// Emits as much of a long document as can be encoded without the rest. Where there is no cut the
/// next is looked for in twice the text, so that this takes linear time.
void BatchReader::cut_open_document() {
  const std::string_view open = std::string_view(batch_.text).substr(open_from_);
  if (open.empty() || open.size() < no_cut_below_) return;
  const std::size_t cut = tokenizer_.last_cut(open);
  if (cut == 0) {
    no_cut_below_ = 2 * open.size();
    return;
  }
  std::string rest(open.substr(cut));
  batch_.text.resize(open_from_ + cut);
  batch_.parts.push_back({static_cast<int64_t>(cut), false});
  in_document_ = true;
  emit();
  batch_.text = std::move(rest);
}

void BatchReader::emit() {
  TextBatch batch = std::exchange(batch_, {});
  open_from_ = 0;
  no_cut_below_ = 0;
  const InputFormat format = inputs_.files[static_cast<std::size_t>(place_.file)].format;
  batch.file = place_.file;
  batch.format = format;
  batch.n_file_bytes = std::exchange(n_unread_bytes_, 0);
  batch.n_stored_bytes = n_stored_before_ + source_->stored_bytes();
  if (format == InputFormat::json_lines) {
    batch.first_line = next_line_;
    next_line_ += std::count(batch.text.begin(), batch.text.end(), '\n');
  }
  const bool is_done = place_.file == first_.file && place_.n_batches < first_.n_batches;
  batch.next = {place_.file, ++place_.n_batches};
  if (!is_done) ready_.push_back(std::move(batch));
}

}  // namespace isoflop
