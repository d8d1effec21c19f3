// SPDX-License-Identifier: MIT
#include "core/hardware/cluster_devices.hpp"

#include "core/base/error.hpp"
#include "core/hardware/device_reader.hpp"

#include <fmt/format.h>

#include <optional>

namespace isoflop {
namespace {

DefinedDevices read_devices(const ConfigNode& node, const GpuCatalog& catalog) {
  DefinedDevices devices;
  for (const auto& [name, entry] : node.entries()) {
    const DeviceSpec spec = read_device(name, entry, catalog);
    devices[name] = {spec, fmt::format("defined at {}, {}", entry.where(), spec.source)};
  }
  return devices;
}

DefinedDevices read_device_file(const std::filesystem::path& path, const GpuCatalog& catalog) {
  MapReader document(ConfigNode::load(path));
  DefinedDevices devices = read_devices(document.required_node("devices"), catalog);
  document.finish();
  return devices;
}

}  // namespace

DefinedDevices read_cluster_devices(MapReader& cluster, const std::filesystem::path& folder,
                                    const GpuCatalog& catalog) {
  DefinedDevices devices;
  if (const auto node = cluster.find_node("devices")) devices = read_devices(*node, catalog);
  const std::optional<ConfigNode> file = cluster.find_node("device_file");
  if (!file) return devices;

  const std::filesystem::path path =
      (folder / file->as<std::filesystem::path>()).lexically_normal();
  if (std::filesystem::exists(path)) {
    DefinedDevices measured = read_device_file(path, catalog);
    measured.merge(devices);
    return measured;
  }
  if (devices.empty())
    throw FileError(fmt::format("{}: device_file '{}' does not exist; run trainer bench --out {}",
                                file->where(), path.string(), path.string()));
  for (auto& [name, device] : devices)
    device.how += fmt::format("; not measured here: run trainer bench --out {}", path.string());
  return devices;
}

}  // namespace isoflop
