// SPDX-License-Identifier: MIT
#pragma once

namespace isoflop {

/// `planner schedule DIR`: how the ticks of a sweep may submit.
int run_schedule_command(int argc, const char* const* argv);

/// `planner tick DIR`: one of them.
int run_tick_command(int argc, const char* const* argv);

}  // namespace isoflop
