// SPDX-License-Identifier: MIT
#include "trainer/run_switches.hpp"

#include <system_error>
#include <utility>

namespace isoflop {

namespace fs = std::filesystem;

fs::path stop_switch(const fs::path& out, const std::string& name) { return out / (name + ".stop"); }

RunSwitches::RunSwitches(const fs::path& out, const std::string& name, Clock clock)
    : stop_file_(stop_switch(out, name)),
      save_file_(out / (name + ".save")),
      clock_(std::move(clock)) {}

void RunSwitches::look() {
  const double now_s = clock_();
  if (now_s < next_s_) return;
  next_s_ = now_s + kInterval;
  std::error_code ignored;  // a file system that is away for a while does not end the run
  stop_ = fs::exists(stop_file_, ignored);
  if (fs::remove(save_file_, ignored)) save_ = true;
}

bool RunSwitches::take_save() { return std::exchange(save_, false); }

}  // namespace isoflop
