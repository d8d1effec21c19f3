// SPDX-License-Identifier: MIT
#include "core/base/json_writer.hpp"
#include "core/base/table/render.hpp"

namespace isoflop {
namespace {

void write_texts(JsonWriter& json, std::string_view key, std::span<const std::string> texts) {
  json.key(key).begin_array();
  for (const std::string& text : texts) json.value(text);
  json.end_array();
}

void write_columns(JsonWriter& json, const Table& table) {
  json.key("columns").begin_array();
  for (const Column& column : table.columns)
    json.begin_object()
        .entry("key", column.key)
        .entry("title", column.title)
        .entry("unit", column.unit)
        .end_object();
  json.end_array();
}

struct WriteCell {
  JsonWriter& json;
  void operator()(std::monostate) const { json.null(); }
  template <typename T>
  void operator()(const T& value) const {
    json.value(value);
  }
};

void write_rows(JsonWriter& json, const Table& table) {
  json.key("rows").begin_array();
  for (const std::vector<Cell>& row : table.rows) {
    json.begin_object();
    for (std::size_t c = 0; c < row.size(); ++c) {
      json.key(table.columns[c].key);
      std::visit(WriteCell{json}, row[c]);
    }
    json.end_object();
  }
  json.end_array();
}

}  // namespace

std::string render_json(std::span<const Table> tables, std::span<const std::string> problems) {
  JsonWriter json;
  json.begin_object().key("tables").begin_array();
  for (const Table& table : tables) {
    json.begin_object().entry("name", table.key).entry("title", table.title);
    write_texts(json, "notes", table.notes);
    write_columns(json, table);
    write_rows(json, table);
    json.end_object();
  }
  json.end_array();
  write_texts(json, "problems", problems);
  json.end_object();
  return json.text();
}

}  // namespace isoflop
