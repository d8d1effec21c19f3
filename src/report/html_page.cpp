// SPDX-License-Identifier: MIT
#include "report/html_page.hpp"

#include "core/base/format.hpp"
#include "report/run_keys.hpp"
#include "report/run_plots.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace isoflop {
namespace {

constexpr const char* kHead = R"(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>isoflop report</title>
<meta name="viewport" content="width=device-width">
<style>
body { font: 14px/1.4 sans-serif; margin: 1.5em; color: #222; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2em .6em; border-bottom: 1px solid #ddd; white-space: nowrap; text-align: left; }
th { cursor: pointer; background: #f4f4f4; }
.n { text-align: right; }
tr.partial td { background: #fff3e0; }
.note { color: #555; margin: .1em 0; }
svg { max-width: 100%; height: auto; }
</style></head><body>
<h1>Runs</h1>
)";

/// Numbers by size, then texts by letters, unknown values last; the second click turns the order.
constexpr const char* kSortScript = R"(<script>
document.querySelectorAll("th").forEach(th => th.addEventListener("click", () => {
  const body = th.closest("table").tBodies[0], place = th.cellIndex;
  const sign = th.dataset.order === "1" ? -1 : 1;
  th.dataset.order = sign;
  const value = row => row.cells[place].dataset.v;
  const before = (a, b) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    if (isNaN(a) !== isNaN(b)) return sign * (isNaN(a) - isNaN(b));
    return sign * (isNaN(a) ? a.localeCompare(b) : a - b);
  };
  [...body.rows].sort((a, b) => before(value(a), value(b))).forEach(row => body.append(row));
}));
</script>
</body></html>
)";

std::string class_of(const Column& column) {
  return column.style == CellStyle::text ? "" : " class=\"n\"";
}

bool is_partial(const std::vector<Cell>& row) {
  return std::any_of(row.begin(), row.end(), [](const Cell& cell) {
    const auto* text = std::get_if<std::string>(&cell);
    return text != nullptr && text->find("PARTIAL") != std::string::npos;
  });
}

/// As people read it; the number in full to sort by.
std::string cell_element(const Column& column, const Cell& cell) {
  const std::string full = cell_text(cell);
  return fmt::format("<td{} data-v=\"{}\">{}</td>", class_of(column),
                     html_text(full == "-" ? "" : full), html_text(format_cell(column, cell)));
}

std::string table_element(const Table& table) {
  std::string html = fmt::format("<h2>{}</h2>\n", html_text(table.title));
  for (const std::string& note : table.notes)
    html += fmt::format("<p class=\"note\">{}</p>\n", html_text(note));
  html += fmt::format("<div class=\"scroll\"><table id=\"{}\"><thead><tr>", html_text(table.key));
  for (const Column& column : table.columns) {
    const std::string unit = column.unit.empty() ? "" : " [" + column.unit + "]";
    html += fmt::format("<th{} title=\"{}\">{}</th>", class_of(column), html_text(column.key),
                        html_text(column.title + unit));
  }
  html += "</tr></thead><tbody>\n";
  for (const std::vector<Cell>& row : table.rows) {
    html += is_partial(row) ? "<tr class=\"partial\">" : "<tr>";
    for (std::size_t c = 0; c < row.size(); ++c) html += cell_element(table.columns[c], row[c]);
    html += "</tr>\n";
  }
  return html + "</tbody></table></div>\n";
}

std::string problem_list(const RunSet& set) {
  std::string html;
  for (const std::string& skipped : set.skipped)
    html += fmt::format("<li>left out: {}</li>\n", html_text(skipped));
  for (const std::string& warning : set.warnings)
    html += fmt::format("<li>{}</li>\n", html_text(warning));
  return html.empty() ? "" : "<h2>Problems</h2>\n<ul>\n" + html + "</ul>\n";
}

}  // namespace

std::string html_text(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string html_page(const RunSet& set, std::span<const Table> tables, const Table& predictions) {
  std::string html = kHead;
  html += fmt::format("<p class=\"note\">{} run{}, {}</p>\n", set.runs.size(),
                      set.runs.size() == 1 ? "" : "s", utc_timestamp());
  html += problem_list(set);
  for (const Table& table : tables) html += table_element(table);
  const std::vector<RunPlot> plots = run_plots(set.runs, predictions);
  const std::vector<std::string> pictures = draw_svg(plots);
  for (std::size_t p = 0; p < plots.size(); ++p)
    html += fmt::format("<h2>{}</h2>\n{}\n", html_text(plots[p].title), pictures[p]);
  return html + kSortScript;
}

}  // namespace isoflop
