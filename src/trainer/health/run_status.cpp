// SPDX-License-Identifier: MIT
#include "trainer/health/run_status.hpp"

#include "core/base/config_node.hpp"
#include "core/base/enum_names.hpp"
#include "core/base/error.hpp"
#include "core/base/json_writer.hpp"
#include "core/base/text_file.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

namespace isoflop {
namespace {

constexpr const char* kFormat = "isoflop-status";
constexpr int kVersion = 1;

constexpr std::array kStateNames = {
    EnumName{StatusState::running, "running"},
    EnumName{StatusState::done, "done"},
    EnumName{StatusState::checkpointed, "checkpointed"},
    EnumName{StatusState::stopped, "stopped"},
    EnumName{StatusState::failed, "failed"},
    EnumName{StatusState::stalled, "stalled"},
    EnumName{StatusState::out_of_memory, "out_of_memory"},
    EnumName{StatusState::nan, "nan"},
};

std::optional<std::string> text_or_null(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

void write_suspects(JsonWriter& json, const std::vector<Suspect>& suspects) {
  json.key("suspects").begin_array();
  for (const Suspect& suspect : suspects)
    json.begin_object().entry("rank", suspect.rank).entry("host", suspect.host).end_object();
  json.end_array();
}

void write_checkpoint(JsonWriter& json, const std::optional<SavedState>& checkpoint) {
  json.key("checkpoint");
  if (!checkpoint) {
    json.null();
    return;
  }
  json.begin_object()
      .entry("step", checkpoint->step)
      .entry("path", checkpoint->path.string())
      .end_object();
}

void write_segment(JsonWriter& json, const std::optional<RunSegment>& segment) {
  if (segment)
    json.entry("segment", segment->number).entry("run_file", segment->path.string());
  else
    json.key("segment").null().key("run_file").null();
}

std::vector<Suspect> read_suspects(const ConfigNode& node) {
  std::vector<Suspect> suspects;
  for (const ConfigNode& item : node.items()) {
    MapReader map(item);
    suspects.push_back({map.find<int>("rank"), map.required<std::string>("host")});
  }
  return suspects;
}

std::optional<SavedState> read_checkpoint(MapReader& map) {
  const auto node = map.find_node("checkpoint");
  if (!node) return std::nullopt;
  MapReader entries(*node);
  return SavedState{entries.required<int64_t>("step"),
                    entries.required<std::filesystem::path>("path")};
}

std::optional<RunSegment> read_segment(MapReader& map) {
  const auto number = map.find<int>("segment");
  const auto path = map.find<std::filesystem::path>("run_file");
  if (!number || !path) return std::nullopt;
  return RunSegment{*path, *number};
}

void read_progress(MapReader& map, RunStatus& status) {
  status.phase = map.required<std::string>("phase");
  status.step = map.required<int64_t>("step");
  status.last_step = map.find<int64_t>("last_step");
  status.step_time = map.find<double>("step_time");
  status.resumed_from_step = map.required<int64_t>("resumed_from_step");
  status.checkpoint = read_checkpoint(map);
  status.segment = read_segment(map);
  status.skipped_steps = map.required<int64_t>("skipped_steps");
  status.spikes = map.required<int64_t>("spikes");
}

void read_writer(MapReader& map, RunStatus& status) {
  status.job = map.value_or<std::string>("job", "");
  status.restarts = map.find<int>("restarts");
  status.rank = map.required<int>("rank");
  status.host = map.required<std::string>("host");
  status.pid = map.required<int64_t>("pid");
  status.started = map.required<double>("started");
  status.written = map.required<double>("written");
}

std::string describe(const Suspect& suspect) {
  return suspect.rank ? fmt::format("rank {} on {}", *suspect.rank, suspect.host) : suspect.host;
}

}  // namespace

std::string describe(const std::vector<Suspect>& suspects) {
  constexpr std::size_t kNamed = 4;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < std::min(suspects.size(), kNamed); ++i)
    names.push_back(describe(suspects[i]));
  const std::string text = fmt::format("{}", fmt::join(names, ", "));
  if (suspects.size() <= kNamed) return text;
  return fmt::format("{} and {} others", text, suspects.size() - kNamed);
}

std::filesystem::path status_path(const std::filesystem::path& out, const std::string& name) {
  return out / (name + ".status.json");
}

std::string to_json(const RunStatus& status) {
  JsonWriter json;
  json.begin_object()
      .entry("format", kFormat)
      .entry("version", kVersion)
      .entry("run", status.run)
      .entry("state", enum_name(kStateNames, status.state))
      .entry("exit_code", status.exit_code)
      .entry("cause", text_or_null(status.cause));
  write_suspects(json, status.suspects);
  json.entry("phase", status.phase)
      .entry("step", status.step)
      .entry("last_step", status.last_step)
      .entry("step_time", status.step_time)
      .entry("resumed_from_step", status.resumed_from_step);
  write_checkpoint(json, status.checkpoint);
  write_segment(json, status.segment);
  json.entry("skipped_steps", status.skipped_steps)
      .entry("spikes", status.spikes)
      .entry("job", text_or_null(status.job))
      .entry("restarts", status.restarts)
      .entry("rank", status.rank)
      .entry("host", status.host)
      .entry("pid", status.pid)
      .entry("started", status.started)
      .entry("written", status.written)
      .entry("heartbeat_s", kHeartbeatSeconds)
      .end_object();
  return json.text();
}

RunStatus read_run_status(const std::filesystem::path& path) {
  const ConfigNode root = ConfigNode::load(path);
  MapReader map(root);
  const ConfigNode format = map.required_node("format");
  if (format.as<std::string>() != kFormat) format.fail("is not a status file");
  RunStatus status;
  status.run = map.required<std::string>("run");
  status.state = read_enum(map.required_node("state"), kStateNames);
  status.exit_code = map.find<int>("exit_code");
  status.cause = map.value_or<std::string>("cause", "");
  status.suspects = read_suspects(map.required_node("suspects"));
  read_progress(map, status);
  read_writer(map, status);
  return status;
}

StatusState state_of(int exit_code, bool saved) {
  switch (static_cast<ExitCode>(exit_code)) {
    case ExitCode::kSuccess:
      return StatusState::done;
    case ExitCode::kStopRequested:
      return saved ? StatusState::checkpointed : StatusState::stopped;
    case ExitCode::kDiverged:
      return StatusState::nan;
    case ExitCode::kOutOfMemory:
      return StatusState::out_of_memory;
    case ExitCode::kStalled:
      return StatusState::stalled;
    default:
      return StatusState::failed;
  }
}

}  // namespace isoflop
