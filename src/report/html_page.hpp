// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/table/table.hpp"
#include "core/run/run_set.hpp"

#include <span>
#include <string>
#include <string_view>

namespace isoflop {

/// Text of an HTML element or attribute.
std::string html_text(std::string_view text);

/// One page that needs no other file and no network: the tables, sortable by a click on a heading,
/// the plots of the runs as SVG, and the problems. PARTIAL rows are coloured.
std::string html_page(const RunSet& set, std::span<const Table> tables, const Table& predictions);

}  // namespace isoflop
