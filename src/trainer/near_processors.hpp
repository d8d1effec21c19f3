// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <set>
#include <string>

namespace isoflop {

/// The processors beside a PCI device, as Linux says in sysfs (bus/pci/devices/ID/local_cpulist);
/// empty where it does not.
std::set<int> near_processors(const std::string& pci_bus_id,
                              const std::filesystem::path& sysfs = "/sys");

/// none_near: this process may use processors, but none of those.
enum class Binding { unknown, near, none_near };

/// Keeps this thread, and those it will start, to the processors among `near` that it may use now.
Binding bind_to(const std::set<int>& near);

}  // namespace isoflop
