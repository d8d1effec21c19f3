// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/config_node.hpp"
#include "core/hardware/device_spec.hpp"
#include "core/hardware/gres.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace isoflop {

/// A GPU found by a name.
struct GpuMatch {
  DeviceSpec spec;
  std::string how;           ///< for humans: "exact name", "Slurm GRES type 'h100'; ... assumed"
  std::optional<Gres> gres;  ///< when the name was Slurm GRES text
};

/// The GPUs of data/gpus.yaml and the names they go by.
class GpuCatalog {
 public:
  /// data_dir()/gpus.yaml. Throws FileError or ConfigError.
  static GpuCatalog load();
  /// The root of a document of that form. Throws ConfigError, also for a name given to two GPUs.
  explicit GpuCatalog(const ConfigNode& root);

  const std::vector<DeviceSpec>& gpus() const { return specs_; }

  /// Finds a GPU by catalogue name, by the names that nvidia-smi and people use, by Slurm GRES
  /// text, or by family with words for form and memory ("H100 PCIe", "a100_80"). A name that leaves
  /// the choice open gives the family's most common part, and `how` says so. Throws ConfigError
  /// with the nearest name when nothing matches.
  GpuMatch find(std::string_view text) const;
  /// As above; a complaint names file, line and key.
  GpuMatch find(const ConfigNode& text) const;
  /// The GPU that a device calls itself by, as find() knows names; absent when none matches (a MIG
  /// slice is none of them).
  std::optional<DeviceSpec> find_device(const std::string& name) const;

 private:
  struct Names {
    std::string family;
    std::vector<std::string> names;  ///< as printed in the file
  };
  struct Lookup {
    const DeviceSpec* spec = nullptr;
    std::string how = {};
    std::string problem = {};  ///< why spec is null
    std::string remedy = {};
  };

  Lookup look_up(const std::string& text) const;
  std::optional<Lookup> look_up_listed(const std::string& text) const;
  Lookup look_up_by_words(const std::string& text) const;
  Lookup choose_in_family(const std::string& family, const std::vector<std::string>& words) const;
  Lookup not_found(const std::string& text) const;
  std::vector<std::string> all_names() const;

  std::vector<DeviceSpec> specs_;
  std::vector<Names> names_;  ///< of specs_, in the same order
};

}  // namespace isoflop
