// SPDX-License-Identifier: MIT
#include "core/scaling/law_catalog.hpp"

#include "core/base/error.hpp"
#include "core/base/suggest.hpp"
#include "core/base/text_file.hpp"
#include "core/scaling/law_reader.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>

namespace isoflop {
namespace {

std::optional<RepeatedData> read_repeated_data(MapReader& document) {
  const std::optional<ConfigNode> node = document.find_node("repeated_data");
  if (!node) return std::nullopt;
  MapReader map(*node);
  const RepeatedData repeated = {map.required_positive("r_star")};
  map.required<std::string>("source");
  map.finish();
  return repeated;
}

bool names_a_file(const std::string& text) {
  const std::string extension = std::filesystem::path(text).extension();
  return extension == ".yaml" || extension == ".yml";
}

}  // namespace

LawCatalog LawCatalog::load() {
  return LawCatalog(ConfigNode::load(data_dir() / "scaling_laws.yaml"));
}

LawCatalog::LawCatalog(const ConfigNode& root) : document_name_(root.document_name()) {
  MapReader document(root);
  const ConfigNode laws = document.required_node("laws");
  for (const auto& [name, node] : laws.entries()) laws_.push_back(read_law(name, node));
  if (laws_.empty()) laws.fail("no law", "add one");
  repeated_data_ = read_repeated_data(document);
  if (const auto node = document.find_node("default"))
    default_name_ = find(node->as<std::string>()).name;
  document.finish();
}

const ScalingLaw& LawCatalog::find(const std::string& name) const {
  std::vector<std::string> names;
  for (const ScalingLaw& law : laws_) {
    if (law.name == name) return law;
    names.push_back(law.name);
  }
  throw ConfigError(
      fmt::format("{}: no scaling law '{}'{}; use one of {} or a YAML file of that form",
                  document_name_, name, did_you_mean(name, names), fmt::join(names, ", ")));
}

const ScalingLaw& LawCatalog::default_law() const {
  if (default_name_) return find(*default_name_);
  if (laws_.size() == 1) return laws_.front();
  throw ConfigError(fmt::format("{}: has {} laws and no default; add 'default: {}'", document_name_,
                                laws_.size(), laws_.front().name));
}

ScalingLaw load_law(const std::string& name_or_file) {
  if (names_a_file(name_or_file)) return LawCatalog(ConfigNode::load(name_or_file)).default_law();
  return LawCatalog::load().find(name_or_file);
}

}  // namespace isoflop
