// SPDX-License-Identifier: MIT
#include "planner/model_argument.hpp"

#include "core/base/error.hpp"
#include "core/base/suggest.hpp"
#include "core/base/text_file.hpp"
#include "core/model/model_config.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <vector>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

/// configs lies beside data, in the source tree and where it is installed.
fs::path models_dir() { return data_dir().parent_path() / "configs/models"; }

std::vector<std::string> shipped_names() {
  std::vector<std::string> names;
  std::error_code none;  // an installation of the data alone ships no models
  for (const fs::directory_entry& entry : fs::directory_iterator(models_dir(), none)) {
    if (entry.path().extension() == ".yaml") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool looks_like_path(const std::string& argument) {
  const std::string extension = fs::path(argument).extension().string();
  return argument.find('/') != std::string::npos || extension == ".yaml" || extension == ".yml" ||
         extension == ".json" || extension == ".jsonc";
}

}  // namespace

ModelShape load_model_argument(const std::string& argument) {
  std::error_code error;  // what cannot be looked at is reported by load_model
  if (fs::is_directory(argument, error)) return load_model(fs::path(argument) / "config.json");
  if (fs::exists(argument, error) || looks_like_path(argument)) return load_model(argument);
  const std::vector<std::string> names = shipped_names();
  if (std::find(names.begin(), names.end(), argument) != names.end())
    return load_model(models_dir() / (argument + ".yaml"));
  throw ConfigError(fmt::format(
      "'{}' is neither a model file nor the name of a model{}; name a file, or one of {}", argument,
      did_you_mean(argument, names), fmt::join(names, ", ")));
}

}  // namespace isoflop
