// SPDX-License-Identifier: MIT
#include "core/hardware/gpu_catalog.hpp"

#include "core/base/error.hpp"
#include "core/base/letter_case.hpp"
#include "core/base/suggest.hpp"
#include "core/base/text_file.hpp"
#include "core/hardware/device_reader.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <initializer_list>
#include <map>

namespace isoflop {
namespace {

constexpr std::array kVendorWords = {"nvidia", "amd", "tesla", "geforce", "instinct"};
constexpr std::array kMemoryKinds = {"hbm2", "hbm2e", "hbm3", "hbm3e", "gddr6", "gddr6x"};

/// Lower-case words of a name without the maker: "NVIDIA A100-SXM4-40GB" gives a100, sxm4, 40gb.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words(1);
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c))) {
      words.back() += lower_case(c);
    } else if (!words.back().empty()) {
      words.emplace_back();
    }
  }
  std::erase_if(words, [](const std::string& word) {
    return word.empty() ||
           std::find(kVendorWords.begin(), kVendorWords.end(), word) != kVendorWords.end();
  });
  return words;
}

/// The form in which two spellings of one name are equal: "a100-sxm4-40gb".
std::string canonical(std::string_view text) {
  return fmt::format("{}", fmt::join(words_of(text), "-"));
}

/// The number of a word such as "80gb" when what follows it is one of the suffixes.
std::optional<int> number_before(const std::string& word,
                                 std::initializer_list<std::string_view> suffixes) {
  int number = 0;
  const char* const end = word.data() + word.size();
  const auto [stop, error] = std::from_chars(word.data(), end, number);
  const std::string_view rest(stop, static_cast<std::size_t>(end - stop));
  const bool known = std::find(suffixes.begin(), suffixes.end(), rest) != suffixes.end();
  return error == std::errc{} && known ? std::optional(number) : std::nullopt;
}

/// "80gb", "80g" and "80" state a memory size.
std::optional<int> memory_size(const std::string& word) {
  return number_before(word, {"", "g", "gb", "gib"});
}

/// "sxm" and "sxm5" fit the form SXM5; "pcie" fits "PCIe pair".
bool fits_form(const std::string& word, const std::string& form, const std::string& name) {
  for (const std::string& part : words_of(form + " " + name)) {
    if (part == word ||
        (word.size() >= 3 && part.starts_with(word) && part.size() == word.size() + 1))
      return true;
  }
  return false;
}

bool is_memory_kind(const std::string& word) {
  return std::find(kMemoryKinds.begin(), kMemoryKinds.end(), word) != kMemoryKinds.end();
}

/// MIG profiles are named by compute slices and memory: "a100_3g.20gb".
bool is_mig_slice(const std::string& text) {
  const std::vector<std::string> words = words_of(text);
  const auto is_profile = [](const std::string& slices, const std::string& memory) {
    return number_before(slices, {"g"}) && number_before(memory, {"gb"});
  };
  return std::adjacent_find(words.begin(), words.end(), is_profile) != words.end();
}

/// True when the GPU agrees with a word of a name beside its family. A memory kind agrees unless
/// the part's own name states another.
bool fits(const DeviceSpec& gpu, const std::string& word) {
  if (fits_form(word, gpu.form, gpu.name)) return true;
  if (const std::optional<int> size = memory_size(word)) return *size == gpu.mem_gb;
  return is_memory_kind(word) && canonical(gpu.name).find("hbm") == std::string::npos;
}

}  // namespace

GpuCatalog GpuCatalog::load() { return GpuCatalog(ConfigNode::load(data_dir() / "gpus.yaml")); }

GpuCatalog::GpuCatalog(const ConfigNode& root) {
  MapReader document(root);
  std::map<std::string, std::string> owners;
  for (const auto& [name, node] : document.required_node("gpus").entries()) {
    MapReader map(node);
    Names names{map.required<std::string>("family"), {name}};
    for (const ConfigNode& alias : map.required_node("names").items())
      names.names.push_back(alias.as<std::string>());
    for (const std::string& spelling : names.names) {
      const auto [owner, added] = owners.emplace(canonical(spelling), name);
      if (!added && owner->second != name)
        node.fail(fmt::format("the name '{}' also belongs to {}", spelling, owner->second));
    }
    DeviceSpec base;
    base.name = name;
    specs_.push_back(read_device_keys(map, std::move(base)));
    names_.push_back(std::move(names));
    map.finish();
  }
  document.finish();
}

GpuMatch GpuCatalog::find(std::string_view text) const {
  const std::optional<Gres> gres = parse_gres(text);
  if (gres && !gres->type)
    throw ConfigError(
        fmt::format("GPU '{}' is a GRES without a type; name the GPU, for example h100", text));
  const Lookup found = look_up(gres ? *gres->type : std::string(text));
  if (!found.spec)
    throw ConfigError(fmt::format("GPU '{}' {}; {}", text, found.problem, found.remedy));
  return {*found.spec,
          gres ? fmt::format("Slurm GRES type '{}': {}", *gres->type, found.how) : found.how, gres};
}

GpuMatch GpuCatalog::find(const ConfigNode& text) const {
  try {
    return find(std::string_view(text.as<std::string>()));
  } catch (const ConfigError& error) {
    throw ConfigError(fmt::format("{}: {}: {}", text.where(), text.key_path(), error.what()));
  }
}

std::optional<DeviceSpec> GpuCatalog::find_device(const std::string& name) const {
  const Lookup found = look_up(name);
  return found.spec ? std::optional(*found.spec) : std::nullopt;
}

GpuCatalog::Lookup GpuCatalog::look_up(const std::string& text) const {
  if (is_mig_slice(text))
    return {
        .problem = "is a MIG slice, not a whole GPU",
        .remedy = "name the GPU if jobs can have whole ones, or describe the slice under devices"};
  if (const std::optional<Lookup> listed = look_up_listed(text)) return *listed;
  return look_up_by_words(text);
}

std::optional<GpuCatalog::Lookup> GpuCatalog::look_up_listed(const std::string& text) const {
  const std::string wanted = canonical(text);
  for (std::size_t i = 0; i < specs_.size(); ++i) {
    for (const std::string& name : names_[i].names) {
      if (canonical(name) != wanted) continue;
      const bool own = name == names_[i].names.front();
      return Lookup{.spec = &specs_[i],
                    .how = own ? "exact name" : fmt::format("known name '{}'", name)};
    }
  }
  return std::nullopt;
}

GpuCatalog::Lookup GpuCatalog::look_up_by_words(const std::string& text) const {
  std::vector<std::string> words = words_of(text);
  if (words.empty()) return not_found(text);
  for (const Names& names : names_) {
    const std::string family = canonical(names.family);
    if (!words.front().starts_with(family)) continue;
    // "h100sxm" is h100 and sxm; "a10g", "v100s" and "l40" are other parts and stay unknown.
    const std::string glued = words.front().substr(family.size());
    if (glued.size() == 1 || (!glued.empty() && std::isdigit(glued.front()))) continue;
    std::vector<std::string> rest(words.begin() + 1, words.end());
    if (!glued.empty()) rest.insert(rest.begin(), glued);
    return choose_in_family(names.family, rest);
  }
  return not_found(text);
}

GpuCatalog::Lookup GpuCatalog::choose_in_family(const std::string& family,
                                                const std::vector<std::string>& words) const {
  std::vector<const DeviceSpec*> fitting;
  std::vector<std::string> variants;
  for (std::size_t i = 0; i < specs_.size(); ++i) {
    if (names_[i].family != family) continue;
    variants.push_back(specs_[i].name);
    if (std::all_of(words.begin(), words.end(),
                    [&](const std::string& word) { return fits(specs_[i], word); }))
      fitting.push_back(&specs_[i]);
  }
  if (fitting.empty())
    return {.problem = fmt::format("fits no known {} ('{}')", family, fmt::join(words, " ")),
            .remedy = fmt::format("use {}, or describe yours under devices with 'like: {}'",
                                  fmt::join(variants, ", "), variants.front())};
  if (fitting.size() == 1)
    return {.spec = fitting.front(), .how = fmt::format("the only {} that fits", family)};
  std::vector<std::string> others;
  for (const DeviceSpec* other : fitting) {
    if (other != fitting.front()) others.push_back(other->name);
  }
  return {.spec = fitting.front(),
          .how = fmt::format("assumed {}, the most common {} (also possible: {})",
                             fitting.front()->name, family, fmt::join(others, ", "))};
}

GpuCatalog::Lookup GpuCatalog::not_found(const std::string& text) const {
  return {
      .problem = "is not in the catalogue" + did_you_mean(canonical(text), all_names()),
      .remedy =
          "use a name of data/gpus.yaml or describe the device in the cluster file under devices"};
}

std::vector<std::string> GpuCatalog::all_names() const {
  std::vector<std::string> result;
  for (const Names& names : names_) {
    result.push_back(canonical(names.family));
    for (const std::string& name : names.names) result.push_back(canonical(name));
  }
  return result;
}

}  // namespace isoflop
