// SPDX-License-Identifier: MIT
#include "core/run/run_document.hpp"

#include "core/base/atomic_file.hpp"
#include "core/base/config_json.hpp"
#include "core/run/header_fields.hpp"
#include "core/run/run_document_rows.hpp"
#include "core/run/settled_steps.hpp"

#include <numeric>
#include <optional>
#include <string>
#include <vector>

namespace isoflop {
namespace {

namespace schema = run_schema;

/// A member of the header; an empty text is an unknown value.
struct WriteField {
  JsonWriter& json;
  void operator()(const char* name, const std::string& text) const {
    json.entry(name, text.empty() ? std::nullopt : std::optional(text));
  }
  template <typename Value>
  void operator()(const char* name, const Value& value) const {
    json.entry(name, value);
  }
};

void write_texts(JsonWriter& json, const char* key, const std::vector<std::string>& texts) {
  json.key(key).begin_array();
  for (const std::string& text : texts) json.value(text);
  json.end_array();
}

void write_nodes(JsonWriter& json, const std::vector<RunNode>& nodes) {
  json.key("nodes").begin_array();
  for (const RunNode& node : nodes)
    json.begin_object(JsonLines::one)
        .entry("rank", node.rank)
        .entry("node", node.node)
        .entry("local_rank", node.local_rank)
        .end_object();
  json.end_array();
}

/// The header as the run file has it, group by group under the same names.
void write_startup_info(JsonWriter& json, const RunHeader& header) {
  const WriteField write{json};
  json.key("startup_info").begin_object();
  schema::visit_identity(header.identity, write);
  write_texts(json, "argv", header.config.argv);
  json.key("model").begin_object();
  schema::visit_config(header.config, write);
  json.end_object().key("layout").begin_object();
  schema::visit_layout(header.layout, write);
  json.end_object().key("hardware").begin_object();
  schema::visit_hardware(header.hardware, write);
  write_nodes(json, header.hardware.nodes);
  json.end_object().key("flops").begin_object();
  schema::visit_flops(header.flops, write);
  json.end_object().key("prediction").begin_object();
  schema::visit_prediction(header.prediction, write);
  json.end_object().end_object();
}

void write_segments(JsonWriter& json, const TrainingRun& run) {
  json.key("segments").begin_array();
  for (const RunFile& segment : run.segments) {
    const RunIdentity& identity = segment.header.identity;
    json.begin_object(JsonLines::one)
        .entry("file", segment.path.filename().string())
        .entry("segment", identity.segment)
        .entry("start_time", identity.created)
        .entry("resumed_from_iter", identity.resumed_from_step)
        .entry("state", to_string(segment.state))
        .entry("unwritten_rows", segment.unwritten_rows)
        .end_object();
  }
  json.end_array();
}

/// One array over all starts.
template <typename Record>
void write_rows(JsonWriter& json, const char* key, const TrainingRun& run,
                std::vector<Record> RunFile::*rows,
                void (*write)(JsonWriter& json, const Record& record)) {
  json.key(key).begin_array();
  for (const RunFile& segment : run.segments)
    for (const Record& record : segment.*rows) write(json, record);
  json.end_array();
}

std::optional<double> mean(const std::vector<double>& values) {
  if (values.empty()) return std::nullopt;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

std::optional<double> scaled(std::optional<double> value, double factor) {
  return value ? std::optional(*value * factor) : std::nullopt;
}

/// The last row of a kind over all starts; absent when there is none.
template <typename Rows>
std::optional<typename Rows::value_type> last_row(const TrainingRun& run, Rows RunFile::*rows) {
  for (auto segment = run.segments.rbegin(); segment != run.segments.rend(); ++segment)
    if (!((*segment).*rows).empty()) return ((*segment).*rows).back();
  return std::nullopt;
}

void write_summary(JsonWriter& json, const TrainingRun& run) {
  const std::vector<double> times = settled_values(run, &StepRecord::step_s);
  const std::optional<StepRecord> step = last_row(run, &RunFile::steps);
  const std::optional<EvalRecord> eval = last_row(run, &RunFile::evals);
  json.key("summary")
      .begin_object()
      .entry("state", to_string(run.last().state))
      .entry("iterations", step ? step->step : 0)
      .entry("tokens", step ? step->tokens : 0)
      .entry("lost_iterations", run.lost_steps)
      .entry("wall_s", run.wall_s)
      .entry("final_loss", step ? step->loss : std::nullopt)
      .entry("final_eval_loss", eval ? eval->loss : std::nullopt)
      .entry("avg_mfu", scaled(mean(settled_values(run, &StepRecord::mfu)), 100))
      .entry("avg_time_ms", scaled(mean(times), 1e3))
      .entry("averaged_iterations", static_cast<int64_t>(times.size()))
      .end_object();
}

void write_config(JsonWriter& json, const RunFile& segment) {
  const std::string name = segment.path.string() + ": /config/yaml";
  write_json(json.key("config"), ConfigNode::parse(segment.header.config.yaml, name));
}

}  // namespace

void write_run_document(const TrainingRun& run, const TextSink& sink) {
  JsonWriter json;
  const auto flush = [&] { sink(json.take()); };
  json.begin_object()
      .entry("run_name", run.last().header.identity.run_id)
      .entry("start_time", run.segments.front().header.identity.created);
  write_segments(json, run);
  write_config(json, run.last());
  write_startup_info(json, run.last().header);
  json.key("training_iterations").begin_array();
  for (const RunFile& segment : run.segments) write_iterations(json, segment, flush);
  json.end_array();
  write_rows(json, "eval_steps", run, &RunFile::evals, write_evaluation);
  write_rows(json, "checkpoints", run, &RunFile::checkpoints, write_checkpoint);
  write_rows(json, "events", run, &RunFile::events, write_event);
  write_summary(json, run);
  json.end_object();
  sink(json.text());
}

void save_pieces(const std::function<void(const TextSink&)>& write,
                 const std::filesystem::path& path) {
  constexpr std::size_t kPiece = 1 << 20;
  AtomicFile file(path);
  std::string held;
  const auto write_held = [&] {
    file.append(held);
    held.clear();
  };
  write([&](std::string_view piece) {
    held += piece;
    if (held.size() >= kPiece) write_held();
  });
  write_held();
  file.commit();
}

void save_run_document(const TrainingRun& run, const std::filesystem::path& path) {
  save_pieces([&](const TextSink& sink) { write_run_document(run, sink); }, path);
}

}  // namespace isoflop
