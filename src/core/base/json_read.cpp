// SPDX-License-Identifier: MIT
#include "core/base/json_read.hpp"

#include "core/base/error.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace isoflop {
namespace {

using nlohmann::json;

/// Keeps the one field and passes over everything else without storing it.
class FieldReader final : public nlohmann::json_sax<json> {
 public:
  explicit FieldReader(const std::string& field) : field_(field) {}

  bool null() override { return other_value("null"); }
  bool boolean(bool) override { return other_value("true or false"); }
  bool number_integer(number_integer_t) override { return other_value("a number"); }
  bool number_unsigned(number_unsigned_t) override { return other_value("a number"); }
  bool number_float(number_float_t, const string_t&) override { return other_value("a number"); }
  bool binary(binary_t&) override { return other_value("binary"); }
  bool start_array(std::size_t) override { return other_value("a list") && enter(); }
  bool end_array() override { return leave(); }
  bool start_object(std::size_t) override {
    if (depth_ == 0) is_object_ = true;
    return other_value("an object") && enter();
  }
  bool end_object() override { return leave(); }
  bool key(string_t& name) override {
    is_field_ = depth_ == 1 && name == field_;
    return true;
  }
  bool string(string_t& value) override {
    if (!is_field_) return true;
    is_field_ = false;
    found_ = {std::move(value), ""};
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception& e) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 9: ...": from the column on.
    const std::string what = e.what();
    const std::size_t column = what.find("column ");
    parse_problem_ = "does not parse as JSON (" +
                     (column == std::string::npos ? what : what.substr(column)) + ")";
    return false;
  }

  JsonText result() && {
    if (!parse_problem_.empty()) return {"", parse_problem_};
    if (!is_object_) return {"", "is not a JSON object"};
    if (!found_) return {"", fmt::format("has no field '{}'", field_)};
    return *std::move(found_);
  }

 private:
  bool other_value(const char* what) {
    if (is_field_) found_ = {"", fmt::format("has {} as '{}' (must be a string)", what, field_)};
    is_field_ = false;
    return true;
  }
  bool enter() { return ++depth_, true; }
  bool leave() { return --depth_, true; }

  const std::string& field_;
  int depth_ = 0;
  bool is_object_ = false;
  bool is_field_ = false;  // the next value is the field's
  std::optional<JsonText> found_;
  std::string parse_problem_;
};

}  // namespace

JsonText read_json_text(std::string_view text, const std::string& field) {
  FieldReader reader(field);
  json::sax_parse(text, &reader);
  return std::move(reader).result();
}

std::vector<std::pair<std::string, int64_t>> read_json_integers(std::string_view text,
                                                                const std::string& name) {
  const json document = json::parse(text, nullptr, false);
  if (!document.is_object())
    throw ConfigError(fmt::format("{}: is not one JSON object; fetch the file again", name));
  std::vector<std::pair<std::string, int64_t>> entries;
  entries.reserve(document.size());
  for (const auto& [key, value] : document.items()) {
    if (!value.is_number_integer())
      throw ConfigError(fmt::format("{}: {} is {} (must be an integer); fetch the file again", name,
                                    json(key).dump(), value.dump()));
    entries.emplace_back(key, value.get<int64_t>());
  }
  return entries;
}

}  // namespace isoflop
