// SPDX-License-Identifier: MIT
#include "trainer/interchange/device_option.hpp"

#include "core/plan/train_config_names.hpp"

#include <CLI/CLI.hpp>

#include <map>
#include <string>

namespace isoflop {

void add_device_option(CLI::App& app, DeviceKind& device) {
  std::map<std::string, DeviceKind> kinds;
  for (const auto& entry : kDeviceKindNames) kinds.emplace(entry.name, entry.value);
  app.add_option("--device", device,
                 "auto (a GPU where there is one, else the CPU), cuda or cpu. Default: auto")
      ->transform(CLI::CheckedTransformer(kinds).description(""));
}

}  // namespace isoflop
