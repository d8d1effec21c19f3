// SPDX-License-Identifier: MIT
#include "planner/cost/software_stack.hpp"

#include "core/base/error.hpp"
#include "core/base/suggest.hpp"
#include "core/base/text_file.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace isoflop {

namespace {

SoftwareStack read_stack(const std::string& name, const ConfigNode& node) {
  MapReader map(node);
  SoftwareStack stack;
  stack.name = name;
  for (const ConfigNode& text : map.required_node("matches").items())
    stack.matches.push_back(text.as<std::string>());
  stack.attention = read_enum(map.required_node("attention"), kAttentionKernelNames);
  if (const auto rule = map.find_node("selective"))
    stack.selective = read_enum(*rule, kSelectiveRuleNames);
  stack.fuses_elementwise = map.value_or("fuses_elementwise", stack.fuses_elementwise);
  stack.host = map.find_positive("host").value_or(stack.host);
  stack.overlaps_data_parallel =
      map.value_or("overlaps_data_parallel", stack.overlaps_data_parallel);
  stack.overlaps_tensor_parallel =
      map.value_or("overlaps_tensor_parallel", stack.overlaps_tensor_parallel);
  stack.overlaps_gather = map.value_or("overlaps_gather", stack.overlaps_gather);
  stack.gradient_bytes = map.find_positive("gradient_bytes").value_or(stack.gradient_bytes);
  stack.logits_bytes = map.find_positive("logits_bytes").value_or(stack.logits_bytes);
  stack.gathers_by_broadcast = map.value_or("gathers_by_broadcast", stack.gathers_by_broadcast);
  stack.gathers_by_owner = map.value_or("gathers_by_owner", stack.gathers_by_owner);
  stack.keeps_gathered_inputs = map.value_or("keeps_gathered_inputs", stack.keeps_gathered_inputs);
  stack.cuts_batch_by_stages = map.value_or("cuts_batch_by_stages", stack.cuts_batch_by_stages);
  stack.network_gb_per_s_per_node = map.find_positive("network_gb_per_s_per_node");
  map.required<std::string>("origin");
  map.finish();
  return stack;
}

}  // namespace

StackCatalog StackCatalog::load() {
  return StackCatalog(ConfigNode::load(data_dir() / "software_stacks.yaml"));
}

StackCatalog::StackCatalog(const ConfigNode& root) {
  MapReader map(root);
  for (const auto& [name, node] : map.required_node("stacks").entries())
    stacks_.push_back(read_stack(name, node));
  map.finish();
}

const SoftwareStack& StackCatalog::find(const std::string& name) const {
  const auto found = std::find_if(stacks_.begin(), stacks_.end(),
                                  [&](const SoftwareStack& stack) { return stack.name == name; });
  if (found != stacks_.end()) return *found;
  std::vector<std::string> names;
  for (const SoftwareStack& stack : stacks_) names.push_back(stack.name);
  throw ConfigError(
      fmt::format("software stack '{}' is unknown{}; data/software_stacks.yaml lists them", name,
                  did_you_mean(name, names)));
}

const SoftwareStack* StackCatalog::match(const std::string& text) const {
  for (const SoftwareStack& stack : stacks_)
    for (const std::string& word : stack.matches)
      if (text.find(word) != std::string::npos) return &stack;
  return nullptr;
}

}  // namespace isoflop
