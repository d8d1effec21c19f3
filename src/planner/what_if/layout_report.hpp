// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/table/table.hpp"
#include "planner/what_if/layout_study.hpp"

#include <string>
#include <vector>

namespace isoflop {

/// What to show of a study.
struct LayoutReport {
  const LayoutStudyRequest& request;
  const LayoutStudy& study;
  /// Also layouts that differ only within a split; else the fastest of each split.
  bool similar = false;
};

/// The answer of `planner layouts` for people.
std::string describe_layouts(const LayoutReport& report);

/// The same as one JSON document.
std::string layouts_as_json(const LayoutReport& report);

/// One row for every split: its fastest layout, or why it has none.
Table split_table(const LayoutReport& report);

/// Why no layout fits, in one line: the layout that comes nearest, its largest term, or the rule
/// that all splits break.
std::string explain_no_layout(const LayoutReport& report);

}  // namespace isoflop
