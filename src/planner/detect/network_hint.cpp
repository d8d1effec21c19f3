// SPDX-License-Identifier: MIT
#include "planner/detect/network_hint.hpp"

#include "core/base/letter_case.hpp"
#include "core/base/text_file.hpp"
#include "planner/detect/text_fields.hpp"

#include <fmt/format.h>

#include <map>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

/// GB/s of one four-lane port in one direction. Source: InfiniBand Trade Association's roadmap.
const std::map<std::string, double>& infiniband_generations() {
  static const std::map<std::string, double> generations = {
      {"QDR", 4},     {"FDR", 6.8},   {"EDR", 12.5}, {"HDR100", 12.5}, {"HDR", 25},
      {"HDR200", 25}, {"NDR200", 25}, {"NDR", 50},   {"NDR400", 50},   {"XDR", 100}};
  return generations;
}

constexpr const char* kHowToKnow =
    "the sum of a node's ports (ibstat, ethtool or your site's pages)";

/// "4: ACTIVE", "400 Gb/sec (4X NDR)"; empty when it cannot be read.
std::string attribute(const fs::path& port, const std::string& name) {
  return fs::exists(port / name) ? read_text_file(port / name) : "";
}

double port_gb_per_s(const fs::path& port) {
  if (attribute(port, "state").find("ACTIVE") == std::string::npos) return 0;
  return leading_number(attribute(port, "rate")).value_or(0) / 8;
}

}  // namespace

Finding<double> network_from_features(const std::vector<std::string>& features, bool has_gpus) {
  for (const std::string& feature : features) {
    const auto found = infiniband_generations().find(upper_case(feature));
    if (found != infiniband_generations().end())
      return {found->second,
              fmt::format("one port of what the feature '{}' names; give {}", feature, kHowToKnow)};
  }
  return {has_gpus ? 12.5 : 1.25,
          fmt::format("one port of {} Gb/s; give {}", has_gpus ? 100 : 10, kHowToKnow)};
}

Finding<double> assumed_intra_node() {
  return {5, "between two devices of a node, half of PCIe 3.0; trainer bench or nccl-tests tell"};
}

bool knows_intra_node(const DeviceSpec& gpu, int gpus_per_node) {
  const bool joined = gpu.scaleup_bidir_gb_per_s && gpu.scaleup_domain.value_or(1) >= gpus_per_node;
  return gpus_per_node == 1 || joined || gpu.pcie_gb_per_s().has_value();
}

std::optional<double> active_ports_gb_per_s(const fs::path& folder) {
  double sum = 0;
  std::error_code none;
  for (const auto& card : fs::directory_iterator(folder, none)) {
    std::error_code no_ports;
    for (const auto& port : fs::directory_iterator(card.path() / "ports", no_ports))
      sum += port_gb_per_s(port.path());
  }
  return sum > 0 ? std::optional(sum) : std::nullopt;
}

}  // namespace isoflop
