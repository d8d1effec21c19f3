// SPDX-License-Identifier: MIT
#pragma once

#include "tokenize/input_files.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace isoflop {

/// A place in the input between two batches.
struct InputPlace {
  int64_t file = 0;
  int64_t n_batches = 0;  ///< of this file
};

/// A part of a document's text, or its end.
struct DocumentPart {
  int64_t n_bytes = 0;
  bool ends_document = false;
};

/// Text of one file that can be encoded by itself.
struct TextBatch {
  InputPlace next;  ///< where the batch behind this one starts
  int64_t file = 0;
  InputFormat format = InputFormat::text;
  std::string text;                 ///< the parts' texts one after another, or whole lines of JSON
  std::vector<DocumentPart> parts;  ///< of InputFormat::text
  int64_t first_line = 0;      ///< number of the first line, from 1, of InputFormat::json_lines
  int64_t n_file_bytes = 0;    ///< of the unpacked file that were read for this batch
  int64_t n_stored_bytes = 0;  ///< of all files, as stored, that were read so far
};

/// A part of a document as tokens, the end-of-text token included.
struct EncodedPart {
  int64_t n_tokens = 0;
  int64_t n_text_bytes = 0;
  bool ends_document = false;
};

struct BadLine {
  int64_t line = 0;
  std::string problem;
};

struct EncodedBatch {
  InputPlace next;
  int64_t file = 0;
  std::vector<int32_t> tokens;
  std::vector<EncodedPart> parts;
  std::vector<BadLine> bad_lines;
  int64_t n_file_bytes = 0;    ///< as TextBatch's
  int64_t n_stored_bytes = 0;  ///< as TextBatch's
};

}  // namespace isoflop
