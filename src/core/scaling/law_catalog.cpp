// SPDX-License-Identifier: MIT
#include "core/scaling/law_catalog.hpp"

#include "core/base/error.hpp"
#include "core/base/suggest.hpp"
#include "core/base/text_file.hpp"
#include "core/scaling/law_reader.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

namespace isoflop {
namespace {

std::optional<RepeatedData> read_repeated_data(MapReader& document) {
  const std::optional<ConfigNode> node = document.find_node("repeated_data");
  if (!node) return std::nullopt;
  MapReader map(*node);
  const RepeatedData repeated = {.r_star = map.required_positive("r_star"),
                                 .r_star_params = map.find_positive("r_star_params")};
  map.required<std::string>("source");
  map.finish();
  return repeated;
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
  if (const auto rules = document.find_node("allocation_rules")) {
    for (const auto& [name, node] : rules->entries())
      rules_.push_back(read_allocation_rule(name, node));
  }
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
  if (find_rule(name))
    throw ConfigError(fmt::format(
        "{}: '{}' splits a compute budget and has no loss; use one of {}, or see it in planner "
        "scaling --compare",
        document_name_, name, fmt::join(names, ", ")));
  throw ConfigError(
      fmt::format("{}: no scaling law '{}'{}; use one of {} or a YAML file of that form",
                  document_name_, name, did_you_mean(name, names), fmt::join(names, ", ")));
}

const AllocationRule* LawCatalog::find_rule(const std::string& name) const {
  const auto found = std::find_if(rules_.begin(), rules_.end(),
                                  [&](const AllocationRule& rule) { return rule.name == name; });
  return found == rules_.end() ? nullptr : &*found;
}

const ScalingLaw& LawCatalog::default_law() const {
  if (default_name_) return find(*default_name_);
  if (laws_.size() == 1) return laws_.front();
  throw ConfigError(fmt::format("{}: has {} laws and no default; add 'default: {}'", document_name_,
                                laws_.size(), laws_.front().name));
}

bool names_a_law_file(const std::string& text) {
  const std::vector<std::string> extensions = {".yaml", ".yml", ".json", ".jsonc"};
  const std::string extension = std::filesystem::path(text).extension();
  return std::find(extensions.begin(), extensions.end(), extension) != extensions.end();
}

ScalingLaw load_law(const std::string& name_or_file) {
  if (names_a_law_file(name_or_file))
    return LawCatalog(ConfigNode::load(name_or_file)).default_law();
  return LawCatalog::load().find(name_or_file);
}

}  // namespace isoflop
