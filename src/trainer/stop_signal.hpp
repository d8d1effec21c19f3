// SPDX-License-Identifier: MIT
#pragma once

namespace isoflop {

/// Makes SIGTERM, SIGINT and SIGUSR2 (Slurm's --signal) ask for a stop at the end of the step
/// instead of ending the process; a second SIGINT ends it at once.
void install_stop_signals();

/// The signal that asked for a stop, 0 when none did.
int stop_signal();

}  // namespace isoflop
