// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

namespace isoflop {

/// One key of a training configuration, as documents show it.
struct Option {
  std::string key;            ///< dotted: "model.normalization"
  std::string values;         ///< the words allowed, or the kind of value
  std::string default_value;  ///< "required" where there is none
  std::string meaning;
};

/// Every key of read_train_config in the order of the sections, but the planner's `prediction` and
/// what models have for counting only (moe, mla, n_mtp_layer). Words and defaults come from the
/// tables and types that the reader uses.
std::vector<Option> option_table();

/// The table in Markdown.
std::string option_table_markdown();

}  // namespace isoflop
