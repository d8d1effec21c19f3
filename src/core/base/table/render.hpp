// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/table/table.hpp"

#include <span>
#include <string>

namespace isoflop {

/// Aligned columns for a terminal, titles and notes above each table.
std::string render_text(std::span<const Table> tables);

/// GitHub-flavoured Markdown.
std::string render_markdown(std::span<const Table> tables);

/// RFC 4180. One table is a header line and rows; before each of several come '#' lines with title
/// and notes, and an empty line between.
std::string render_csv(std::span<const Table> tables);

/// {"tables": [{"name", "title", "notes", "columns": [{"key", "title", "unit"}], "rows": [{...}]}],
///  "problems": [...]}
std::string render_json(std::span<const Table> tables, std::span<const std::string> problems);

}  // namespace isoflop
