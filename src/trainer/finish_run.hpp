// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/health/status_file.hpp"
#include "trainer/session.hpp"
#include "trainer/telemetry/recorder.hpp"
#include "trainer/train.hpp"

namespace isoflop {

/// What follows the last step, whichever it was: the last checkpoint, the end of the run file, what
/// the user is told. Collective. Throws Error when the state could not be saved; the records are
/// complete all the same.
RunEnd finish_run(TrainEnd end, Session& session, Recorder& recorder);

}  // namespace isoflop
