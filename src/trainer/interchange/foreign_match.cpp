// SPDX-License-Identifier: MIT
#include "trainer/interchange/foreign_match.hpp"

#include "core/base/error.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

namespace isoflop {
namespace {

/// What names end with of tables that are no parameters: masks and frequencies.
constexpr std::array kBuffers = {
    std::string_view(".attn.bias"),
    std::string_view(".attn.masked_bias"),
    std::string_view(".rotary_emb.inv_freq"),
};
constexpr std::string_view kOutputMatrix = "lm_head.weight";

bool is_buffer(const std::string& name) {
  return std::any_of(kBuffers.begin(), kBuffers.end(),
                     [&](std::string_view suffix) { return name.ends_with(suffix); });
}

/// Without the prefix where the folder has none.
std::string name_in(const SafetensorsFolder& folder, const std::string& name,
                    const std::string& prefix) {
  if (folder.contains(name) || !name.starts_with(prefix)) return name;
  const std::string bare = name.substr(prefix.size());
  return folder.contains(bare) ? bare : name;
}

std::string shape_text(const std::vector<int64_t>& shape) {
  return fmt::format("({})", fmt::join(shape, ", "));
}

void check_missing(const std::vector<ForeignTensor>& tensors, const SafetensorsFolder& folder) {
  const auto is_missing = [&](const ForeignTensor& tensor) {
    return !folder.contains(tensor.name);
  };
  const auto first = std::find_if(tensors.begin(), tensors.end(), is_missing);
  if (first == tensors.end()) return;
  const auto n = std::count_if(first, tensors.end(), is_missing);
  throw FileError(
      fmt::format("{}: tensor '{}' is missing{}; {} and the weights are not of the same model",
                  folder.path().string(), first->name,
                  n > 1 ? fmt::format(" (and {} more)", n - 1) : "", kForeignConfigName));
}

void check_kind(const ForeignTensor& wanted, const SafetensorsFolder& folder) {
  const SafetensorsTensor& found = folder.tensor(wanted.name);
  if (found.shape != wanted.shape)
    throw FileError(
        fmt::format("{}: tensor '{}' has shape {} (by {} it is {}); they are not of "
                    "the same model",
                    folder.file_of(wanted.name), wanted.name, shape_text(found.shape),
                    kForeignConfigName, shape_text(wanted.shape)));
  if (!dtype_of_safetensors(found.dtype))
    throw FileError(fmt::format(
        "{}: tensor '{}' has dtype '{}' (F32, BF16 and F16 are read); save the model in one of "
        "them",
        folder.file_of(wanted.name), wanted.name, found.dtype));
}

/// Throws for a tensor that is neither the model's nor known to be superfluous.
std::vector<std::string> superfluous(const std::set<std::string>& known, bool tied,
                                     const SafetensorsFolder& folder) {
  std::vector<std::string> ignored;
  for (const std::string& name : folder.names()) {
    if (known.contains(name)) continue;
    if (!is_buffer(name) && !(tied && name == kOutputMatrix))
      throw FileError(fmt::format(
          "{}: tensor '{}' belongs to no part of the model that {} describes; it cannot be left "
          "out without changing what the model computes",
          folder.file_of(name), name, kForeignConfigName));
    ignored.push_back(name);
  }
  return ignored;
}

}  // namespace

ForeignMatch match_tensors(const ForeignModel& model, const SafetensorsFolder& folder) {
  ForeignMatch match{foreign_tensors(model.shape, model.family, model.shape.vocab_size), {}};
  std::set<std::string> known;
  for (ForeignTensor& tensor : match.tensors) {
    tensor.name = name_in(folder, tensor.name, foreign_prefix(model.family));
    known.insert(tensor.name);
  }
  check_missing(match.tensors, folder);
  for (const ForeignTensor& tensor : match.tensors) check_kind(tensor, folder);
  match.ignored = superfluous(known, model.shape.tied_embeddings, folder);
  return match;
}

}  // namespace isoflop
