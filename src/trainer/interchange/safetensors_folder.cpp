// SPDX-License-Identifier: MIT
#include "trainer/interchange/safetensors_folder.hpp"

#include "core/base/config_node.hpp"
#include "core/base/error.hpp"
#include "core/base/json_writer.hpp"
#include "trainer/interchange/elements.hpp"

#include <fmt/format.h>

#include <set>
#include <utility>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

int64_t bytes_of(const SafetensorsTensor& tensor) {
  return tensor.size() * size_of(*dtype_of_safetensors(tensor.dtype));
}

/// File of each tensor by the index. Throws FileError.
std::map<std::string, std::string> read_weight_map(const fs::path& path) {
  std::map<std::string, std::string> files;
  try {
    MapReader map(ConfigNode::load(path));
    for (const auto& [name, file] : map.required_node("weight_map").entries())
      files[name] = file.as<std::string>();
  } catch (const ConfigError& error) {
    throw FileError(fmt::format("{}; fetch the file again", error.what()));
  }
  return files;
}

[[noreturn]] void fail_without_files(const fs::path& folder) {
  const bool has_pickle = fs::exists(folder / "pytorch_model.bin") ||
                          fs::exists(folder / "pytorch_model.bin.index.json");
  throw FileError(fmt::format(
      "{}: holds neither {} nor {}; {}", folder.string(), kSafetensorsName, kSafetensorsIndexName,
      has_pickle ? "pytorch_model.bin is not read: save it again with safe_serialization=True"
                 : "name a folder that save_pretrained wrote"));
}

}  // namespace

SafetensorsPlan plan_safetensors(const std::vector<SafetensorsTensor>& tensors,
                                 int64_t shard_bytes) {
  SafetensorsPlan plan{.files = {{}}};
  int64_t in_file = 0;
  for (const SafetensorsTensor& tensor : tensors) {
    const int64_t bytes = bytes_of(tensor);
    if (in_file > 0 && in_file + bytes > shard_bytes) {
      plan.files.emplace_back();
      in_file = 0;
    }
    plan.files.back().tensors.push_back(tensor);
    in_file += bytes;
    plan.data_bytes += bytes;
  }
  std::size_t number = 0;
  for (SafetensorsPlan::File& file : plan.files)
    file.name = plan.files.size() == 1
                    ? kSafetensorsName
                    : fmt::format("model-{:05}-of-{:05}.safetensors", ++number, plan.files.size());
  return plan;
}

std::string safetensors_index_json(const SafetensorsPlan& plan) {
  JsonWriter json;
  json.begin_object();
  json.key("metadata").begin_object().entry("total_size", plan.data_bytes).end_object();
  json.key("weight_map").begin_object();
  for (const SafetensorsPlan::File& file : plan.files)
    for (const SafetensorsTensor& tensor : file.tensors) json.entry(tensor.name, file.name);
  return json.end_object().end_object().text();
}

SafetensorsFolder::SafetensorsFolder(fs::path folder) : folder_(std::move(folder)) {
  const fs::path index = folder_ / kSafetensorsIndexName;
  if (!fs::exists(index)) {
    if (!fs::exists(folder_ / kSafetensorsName)) fail_without_files(folder_);
    add_file(kSafetensorsName);
    return;
  }
  const std::map<std::string, std::string> weight_map = read_weight_map(index);
  std::set<std::string> files;
  for (const auto& [tensor, file] : weight_map) files.insert(file);
  for (const std::string& file : files) add_file(file);
  for (const auto& [tensor, file] : weight_map)
    if (!contains(tensor) || file_names_[places_.at(tensor).file] != file)
      throw FileError(
          fmt::format("{}: names tensor '{}' in {}, which does not hold it; fetch the "
                      "folder again",
                      index.string(), tensor, file));
}

void SafetensorsFolder::add_file(const std::string& name) {
  files_.push_back(std::make_unique<const File>(folder_ / name));
  file_names_.push_back(name);
  for (const SafetensorsTensor& tensor : files_.back()->table.tensors)
    if (!places_.emplace(tensor.name, Place{files_.size() - 1, tensor}).second)
      throw FileError(
          fmt::format("{}: holds tensor '{}', which {} holds too; fetch the folder "
                      "again",
                      (folder_ / name).string(), tensor.name, file_of(tensor.name)));
}

std::vector<std::string> SafetensorsFolder::names() const {
  std::vector<std::string> names;
  for (const auto& [name, place] : places_) names.push_back(name);
  return names;
}

std::string SafetensorsFolder::file_of(const std::string& name) const {
  return (folder_ / file_names_[places_.at(name).file]).string();
}

void SafetensorsFolder::read(const std::string& name, int64_t offset, std::span<float> out) const {
  const Place& place = places_.at(name);
  const File& file = *files_[place.file];
  const DType dtype = *dtype_of_safetensors(place.tensor.dtype);
  std::vector<std::byte> bytes(out.size() * static_cast<std::size_t>(size_of(dtype)));
  file.input.read(file.table.data_begin + place.tensor.begin + offset * size_of(dtype), bytes);
  widen_elements(bytes, dtype, out);
}

}  // namespace isoflop
