// SPDX-License-Identifier: MIT
#include "planner/detect/slurm_gpu.hpp"

#include "core/base/error.hpp"
#include "core/hardware/gres.hpp"
#include "planner/detect/text_fields.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace isoflop {
namespace {

/// The least GPU that the trainer's GPU backend runs on.
constexpr const char* kAssumedGpu = "A100-SXM4-40GB";

/// "gpu:a100:no_consume:4" without the flag.
std::string without_flags(std::string entry) {
  const std::string flag = ":no_consume";
  const std::size_t at = entry.find(flag);
  return at == std::string::npos ? entry : entry.erase(at, flag.size());
}

/// "3g.20gb", "a100_1g.5gb", "mig-1g.10gb".
bool is_slice(const std::string& type) {
  const std::size_t at = type.find("g.");
  return type.find("mig") != std::string::npos ||
         (at != std::string::npos && at > 0 &&
          std::isdigit(static_cast<unsigned char>(type[at - 1])));
}

/// Absent for other resources, for none at all ("gpu:0") and for what nobody can read.
std::optional<Gres> find_gpu(const std::string& entry) {
  if (entry == "gpu:0" || entry.ends_with(":0")) return std::nullopt;
  try {
    return parse_gres(without_flags(entry));
  } catch (const ConfigError&) {
    return std::nullopt;  // another site's own notation: nothing is known of it
  }
}

std::optional<GpuMatch> find_in_catalog(const GpuCatalog& catalog, const std::string& text) {
  try {
    return catalog.find(std::string_view(text));
  } catch (const ConfigError&) {
    return std::nullopt;
  }
}

bool leaves_a_choice(const GpuMatch& match) {
  return match.how.find("assumed") != std::string::npos;
}

/// A letter and a digit: "h100" can be a GPU, "gpu" and "large" cannot.
bool may_name_a_gpu(const std::string& word) {
  const auto is_digit = [](unsigned char c) { return std::isdigit(c) != 0; };
  const auto is_letter = [](unsigned char c) { return std::isalpha(c) != 0; };
  return std::any_of(word.begin(), word.end(), is_digit) &&
         std::any_of(word.begin(), word.end(), is_letter);
}

/// Features and the words of the partition's name, each that may be a GPU.
std::vector<std::string> hints(const std::vector<std::string>& features,
                               const std::string& partition) {
  std::vector<std::string> words = features;
  words.push_back(partition);
  for (const char separator : {'-', '_'}) {
    for (std::string& word : split(partition, separator)) words.push_back(std::move(word));
  }
  std::erase_if(words, [](const std::string& word) { return !may_name_a_gpu(word); });
  return words;
}

/// How many parts of the catalogue a match leaves open.
std::ptrdiff_t count_open(const GpuMatch& match) {
  return leaves_a_choice(match) ? std::count(match.how.begin(), match.how.end(), ',') + 1 : 0;
}

/// A feature that names one of the parts that the type leaves open, and fewer others.
struct NarrowedBy {
  std::string feature;
  GpuMatch match;
};

std::optional<NarrowedBy> narrow(const GpuMatch& type, const std::vector<std::string>& words,
                                 const GpuCatalog& catalog) {
  std::optional<NarrowedBy> best;
  for (const std::string& word : words) {
    const std::optional<GpuMatch> other = find_in_catalog(catalog, word);
    if (!other || type.how.find(other->spec.name) == std::string::npos) continue;
    if (count_open(*other) < count_open(best ? best->match : type)) best = NarrowedBy{word, *other};
  }
  return best;
}

GpuChoice typed_choice(const std::string& type, int count, const GpuMatch& match) {
  GpuChoice choice;
  choice.text.value = fmt::format("gpu:{}:{}", type, count);
  choice.spec = match.spec;
  choice.request = GpuRequest::gres;
  if (leaves_a_choice(match))
    choice.text.assumed = fmt::format("Slurm's type {} leaves the part open: {}", type, match.how);
  return choice;
}

GpuChoice unknown_choice(const std::string& why, const GpuCatalog& catalog) {
  GpuChoice choice;
  choice.text = {kAssumedGpu, why + "; nvidia-smi on a node names them"};
  choice.spec = catalog.find(std::string_view(kAssumedGpu)).spec;
  return choice;
}

GpuChoice typeless_choice(const std::vector<std::string>& words, const GpuCatalog& catalog) {
  for (const std::string& word : words) {
    if (const std::optional<GpuMatch> match = find_in_catalog(catalog, word)) {
      GpuChoice choice;
      choice.text = {match->spec.name,
                     fmt::format("Slurm does not say which GPU; read from the name '{}' ({})", word,
                                 match->how)};
      choice.spec = match->spec;
      return choice;
    }
  }
  return unknown_choice("Slurm does not say which GPU", catalog);
}

}  // namespace

std::vector<NodeGpus> whole_gpus(const std::string& gres) {
  std::vector<NodeGpus> result;
  for (const std::string& entry : split_list(gres)) {
    const std::optional<Gres> gpu = find_gpu(entry);
    if (gpu && !is_slice(gpu->type.value_or("")))
      result.push_back({gpu->type, gpu->count.value_or(1)});
  }
  return result;
}

bool has_gpu_slices(const std::string& gres) {
  const std::vector<std::string> entries = split_list(gres);
  return std::any_of(entries.begin(), entries.end(), [](const std::string& entry) {
    const std::optional<Gres> gpu = find_gpu(entry);
    return gpu && is_slice(gpu->type.value_or(""));
  });
}

GpuChoice choose_gpu(const NodeGpus& gpus, const std::vector<std::string>& features,
                     const std::string& partition, const GpuCatalog& catalog) {
  const std::vector<std::string> words = hints(features, partition);
  if (!gpus.type) return typeless_choice(words, catalog);
  const std::optional<GpuMatch> match = find_in_catalog(catalog, *gpus.type);
  if (!match)
    return unknown_choice(fmt::format("Slurm's type '{}' is not in the GPU catalogue", *gpus.type),
                          catalog);
  GpuChoice choice = typed_choice(*gpus.type, gpus.count, *match);
  if (!leaves_a_choice(*match)) return choice;
  if (const std::optional<NarrowedBy> narrowed = narrow(*match, words, catalog)) {
    const GpuMatch& part = narrowed->match;
    choice.text = {part.spec.name, std::nullopt};
    if (leaves_a_choice(part))
      choice.text.assumed =
          fmt::format("the feature '{}' leaves the part open: {}", narrowed->feature, part.how);
    choice.spec = part.spec;
    choice.request = GpuRequest::gpus_per_node;
    choice.remarks.push_back(fmt::format("Slurm's type is {}, the feature '{}' says more",
                                         *gpus.type, narrowed->feature));
  }
  return choice;
}

}  // namespace isoflop
