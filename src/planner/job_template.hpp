// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <kainjow/mustache.hpp>
#include <optional>
#include <string>

namespace isoflop {

/// The templates of job scripts: slurm/templates, of which a site's folder may replace any file,
/// the blocks that they consist of among them.
class JobTemplates {
 public:
  /// Throws FileError when the site's folder is none.
  explicit JobTemplates(std::optional<std::filesystem::path> site_folder);

  /// NAME.mustache with its blocks, filled in. `{{x}}` is quoted for the shell, `{{{x}}}` stands as
  /// it is. Throws FileError for a template that is missing or no valid one, ConfigError for a
  /// placeholder that the planner does not know or has no value for.
  std::string render(const std::string& name, const kainjow::mustache::data& values) const;

  /// Where the templates of this plan come from, for people.
  std::string description() const;

 private:
  std::filesystem::path find(const std::string& file) const;
  std::string with_blocks(const std::filesystem::path& file, int depth) const;

  std::filesystem::path default_folder_;
  std::optional<std::filesystem::path> site_folder_;
};

}  // namespace isoflop
