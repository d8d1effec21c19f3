// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace isoflop {

/// Which part of the text is held out for validation. The choice depends on nothing but the input
/// and the seed.
class Holdout {
 public:
  /// The last `fraction` of the one document of `n_text_bytes` there is, cut into two where the
  /// second starts.
  static Holdout tail(int64_t n_text_bytes, double fraction);
  /// Each file is a document: the max(1, round(fraction n_files)) with the smallest hashes of their
  /// number, never all. `n_files` is at least 2.
  static Holdout some_files(int64_t n_files, double fraction, uint64_t seed);
  /// Each document for itself, with probability `fraction`, by the hash of its number.
  static Holdout some_documents(double fraction, uint64_t seed);
  /// All files from number `first` on.
  static Holdout files_from(int64_t first);
  static Holdout nothing();

  /// Both numbers count from 0; documents through all files.
  bool holds_out(int64_t file, int64_t document) const { return predicate_(file, document); }
  /// Where the document is to be cut, for tail().
  std::optional<int64_t> tail_start() const { return tail_start_; }
  /// In words, for dataset.yaml.
  const std::string& description() const { return description_; }

 private:
  using Predicate = std::function<bool(int64_t file, int64_t document)>;
  Holdout(std::string description, Predicate predicate);

  std::string description_;
  Predicate predicate_;
  std::optional<int64_t> tail_start_;
};

}  // namespace isoflop
