// SPDX-License-Identifier: MIT
#include "trainer/json_log.hpp"

#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "core/run/run_document.hpp"
#include "core/run/run_segment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <vector>

namespace isoflop {
namespace {

/// The run that the newest of the files belongs to: others had the same name before it.
const TrainingRun& newest_run(const RunSet& set) {
  return *std::max_element(set.runs.begin(), set.runs.end(), [](const auto& a, const auto& b) {
    return a.last().header.identity.segment < b.last().header.identity.segment;
  });
}

/// Reading forks (core/run/run_reader.hpp): no collective is under way by then, see finish_run().
void write_or_throw(const TrainConfig& config) {
  const std::vector<std::filesystem::path> files = segments_of(config.run.out, config.run.name);
  const RunSet set = load_runs(files);
  for (const std::string& skipped : set.skipped) log::warn("left out of the JSON log: {}", skipped);
  if (set.runs.empty()) throw FileError("no run file can be read");
  const std::filesystem::path path = config.run.out / (config.run.name + ".json");
  save_run_document(newest_run(set), path);
  log::info("wrote {}", path.string());
}

}  // namespace

void write_json_log(const TrainConfig& config) {
  if (!config.log.json) return;
  try {
    write_or_throw(config);
  } catch (const Error& error) {
    log::warn("no JSON log: {}; report export {}.s*.h5 --json writes it", error.what(),
              (config.run.out / config.run.name).string());
  }
}

}  // namespace isoflop
