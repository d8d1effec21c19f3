// SPDX-License-Identifier: MIT
#include "planner/cluster_copy.hpp"

#include "core/base/config_node.hpp"
#include "core/base/text_file.hpp"

#include <string>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

/// The number after the last colon of "cluster.yaml:12".
std::size_t line_of(const ConfigNode& node) {
  const std::string where = node.where();
  return std::stoul(where.substr(where.rfind(':') + 1));
}

std::size_t start_of_line(const std::string& text, std::size_t line) {
  std::size_t at = 0;
  for (; line > 1; --line) at = text.find('\n', at) + 1;
  return at;
}

/// The text with another value for a key that stands with its value on one line.
std::string with_value(std::string text, const ConfigNode& node, const std::string& value) {
  const std::size_t line = start_of_line(text, line_of(node));
  const std::size_t at = text.find(node.text(), text.find(node.key_path(), line));
  if (at == std::string::npos || at > text.find('\n', line))
    node.fail("cannot be copied", "write it on one line, without escapes");
  return text.replace(at, node.text().size(), value);
}

/// Beside the cluster's copy when it is there; else its absolute path, for when it will be.
std::string copy_device_file(const fs::path& source, const fs::path& folder) {
  if (!fs::exists(source)) return source.string();
  const std::string name = "devices" + source.extension().string();
  write_text_file(folder / name, read_text_file(source));
  return name;
}

}  // namespace

fs::path copy_cluster_file(const fs::path& source, const fs::path& target) {
  fs::path copy = target;
  copy.replace_extension(source.extension());
  std::error_code not_there;
  if (fs::equivalent(source, copy, not_there)) return copy;
  std::string text = read_text_file(source);
  MapReader cluster(ConfigNode::load(source));
  if (const auto devices = cluster.find_node("device_file")) {
    const fs::path named = source.parent_path() / devices->as<fs::path>();
    text = with_value(text, *devices,
                      copy_device_file(fs::absolute(named).lexically_normal(), copy.parent_path()));
  }
  if (const auto templates = cluster.find_node("templates")) {
    const fs::path named = source.parent_path() / templates->as<fs::path>();
    text = with_value(text, *templates, fs::absolute(named).lexically_normal().string());
  }
  write_text_file(copy, text);
  return copy;
}

}  // namespace isoflop
