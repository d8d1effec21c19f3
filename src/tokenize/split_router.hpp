// SPDX-License-Identifier: MIT
#pragma once

#include "tokenize/batch.hpp"
#include "tokenize/holdout.hpp"
#include "tokenize/split_writer.hpp"

#include <cstdint>

namespace isoflop {

enum class OpenDocument { none, train, val };

/// What a later router needs to go on.
struct RouterState {
  int64_t n_documents = 0;  ///< begun so far
  OpenDocument open = OpenDocument::none;
};

/// Sends each document to training or validation.
class SplitRouter {
 public:
  /// All must outlive the router.
  SplitRouter(const Holdout& holdout, SplitWriter& train, SplitWriter& val, RouterState state = {});

  void add(const EncodedBatch& batch);
  RouterState state() const { return state_; }

 private:
  SplitWriter& writer_of_open_document(int64_t file);

  const Holdout& holdout_;
  SplitWriter& train_;
  SplitWriter& val_;
  RouterState state_;
};

}  // namespace isoflop
