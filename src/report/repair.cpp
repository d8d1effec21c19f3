// SPDX-License-Identifier: MIT
#include "report/repair.hpp"

#include "core/base/error.hpp"
#include "core/run/run_reader.hpp"
#include "core/run/run_writer.hpp"

#include <fmt/format.h>

namespace isoflop {
namespace {

template <typename Rows>
void append_all(RunWriter& writer, const Rows& rows) {
  for (const auto& row : rows) writer.append(row);
}

}  // namespace

std::string repair_run(const std::filesystem::path& bad, const std::filesystem::path& good) {
  const RunFile run = read_run_or_throw(bad);
  if (std::filesystem::exists(good))
    throw FileError(good.string() + ": exists; name a new file, none is overwritten");
  RunWriter writer(good, run.header);
  append_all(writer, run.steps);
  append_all(writer, run.gradients);
  append_all(writer, run.layer_norms);
  append_all(writer, run.evals);
  append_all(writer, run.rank_times);
  append_all(writer, run.system);
  append_all(writer, run.checkpoints);
  append_all(writer, run.events);
  writer.set_state(run.state);
  writer.close();
  return fmt::format("wrote {}: {} steps, {} evaluations, {} checkpoints, {} events, state {}; {}",
                     good.string(), run.steps.size(), run.evals.size(), run.checkpoints.size(),
                     run.events.size(), to_string(run.state),
                     run.unwritten_rows == 0
                         ? "nothing was lost"
                         : fmt::format("{} announced rows were never written", run.unwritten_rows));
}

}  // namespace isoflop
