// SPDX-License-Identifier: MIT
#include "trainer/resume.hpp"

#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "trainer/agree.hpp"
#include "trainer/checkpoint/checkpoint_folder.hpp"

#include <fmt/format.h>

#include <sstream>
#include <string>
#include <vector>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

/// Without what does not change the losses of a run.
TrainConfig essence(TrainConfig config) {
  config.run = {.name = "run", .out = "runs", .seed = config.run.seed, .log_interval = 1};
  config.model.name = "model";
  config.model.attention_backend = {};
  config.model.attention_strict = {};
  config.data = {
      .path = "data", .seq_len = config.data.seq_len, .document_mask = config.data.document_mask};
  config.layout = {.micro_batch_size = 1, .global_batch_size = config.layout.global_batch_size};
  config.schedule.deadline = {};
  config.eval = {};
  config.checkpoint = {};
  config.metrics = {};
  config.health = {};
  config.log = {};
  config.device = {};
  config.prediction = {};
  return config;
}

/// A line of a configuration: "optimizer.lr", "0.001".
struct Entry {
  std::string key;
  std::string value;
  bool operator==(const Entry&) const = default;
};

std::vector<Entry> entries_of(const TrainConfig& config) {
  std::istringstream text(write_train_config(essence(config), ""));
  std::vector<Entry> entries;
  std::string section;
  for (std::string line; std::getline(text, line);) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::size_t begin = line.find_first_not_of(" -");
    const std::string key = line.substr(begin, colon - begin);
    if (begin == 0) section = key;
    entries.push_back({begin == 0 ? key : section + "." + key, line.substr(colon + 1)});
  }
  return entries;
}

/// Without the comment behind it.
std::string trimmed(const std::string& value) {
  const std::string text = value.substr(0, value.find(" #"));
  const std::size_t begin = text.find_first_not_of(' ');
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(' ') + 1 - begin);
}

/// The checkpoint, unless it is damaged: every rank reads its share of the files.
std::optional<CheckpointReader> open_whole(const fs::path& folder, Launch& launch) {
  const RankInfo& info = launch.info();
  std::optional<CheckpointReader> reader;
  try {
    reader.emplace(folder);
    for (int64_t file = info.rank; file < reader->manifest().n_files; file += info.world_size)
      reader->verify_file(file);
  } catch (const FileError& error) {
    reader.reset();
    log::local(log::Level::warn, fmt::format("{}; it is passed over", error.what()));
  }
  if (launch.max_over_ranks(reader ? 0 : 1) > 0) reader.reset();
  return reader;
}

std::optional<CheckpointReader> newest_whole(const CheckpointFolder& folder, Launch& launch) {
  const std::vector<int64_t> steps =
      list_of_first(launch.info().rank == 0 ? folder.steps() : std::vector<int64_t>{}, launch);
  for (const int64_t step : steps)
    if (auto reader = open_whole(folder.of(step), launch)) return reader;
  run_on_all_ranks(launch, [&] {
    if (!steps.empty())
      throw FileError(
          fmt::format("{}: none of its {} checkpoints is whole; move the folder away to "
                      "train from step 1",
                      folder.path().string(), steps.size()));
  });
  return std::nullopt;
}

void check_no_checkpoints(const CheckpointFolder& folder, Launch& launch) {
  run_on_all_ranks(launch, [&] {
    if (launch.info().rank == 0 && !folder.steps().empty())
      throw FileError(
          fmt::format("{}: holds checkpoints of this run, and checkpoint.resume is "
                      "false; choose another run.name or move the folder away",
                      folder.path().string()));
  });
}

void check_data(const CheckpointReader& checkpoint, uint32_t data_crc32) {
  if (checkpoint.manifest().data_crc32 == data_crc32) return;
  const std::string folder = checkpoint.folder().string();
  throw FileError(
      fmt::format("{}: the training data are not those that this run began with; restore "
                  "data.path, or begin a run of another name with checkpoint.from={}",
                  folder, folder));
}

TrainConfig saved_config(const fs::path& checkpoint) {
  return read_train_config(ConfigNode::load(checkpoint / kCheckpointConfigName));
}

/// Rank 0's verdict for all.
void check_run(const CheckpointReader& checkpoint, const TrainConfig& config, uint32_t data_crc32,
               Launch& launch) {
  run_on_all_ranks(launch, [&] {
    if (launch.info().rank != 0) return;
    check_same_training(saved_config(checkpoint.folder()), config, checkpoint.folder());
    check_data(checkpoint, data_crc32);
  });
}

/// checkpoint.from, which may be trained on in another way.
CheckpointReader open_origin(const fs::path& checkpoint, Launch& launch) {
  run_on_all_ranks(launch, [&] {
    if (!fs::exists(checkpoint / kManifestName))
      throw FileError(
          fmt::format("{}: is no checkpoint (checkpoint.from); name a folder such as "
                      "runs/NAME.checkpoints/step-00001000",
                      checkpoint.string()));
  });
  std::optional<CheckpointReader> reader = open_whole(checkpoint, launch);
  run_on_all_ranks(launch, [&] {
    if (!reader)
      throw FileError(fmt::format("{}: this checkpoint is damaged (checkpoint.from); name another",
                                  checkpoint.string()));
  });
  return std::move(*reader);
}

}  // namespace

void check_same_training(const TrainConfig& saved, const TrainConfig& now,
                         const fs::path& checkpoint) {
  const std::vector<Entry> then = entries_of(saved);
  const std::vector<Entry> today = entries_of(now);
  for (std::size_t i = 0; i < std::max(then.size(), today.size()); ++i) {
    if (i < then.size() && i < today.size() && then[i] == today[i]) continue;
    const Entry& entry = i < today.size() ? today[i] : then[i];
    const bool same_key = i < then.size() && then[i].key == entry.key;
    throw ConfigError(fmt::format(
        "{} is '{}' ({} was written {}); put it back, or begin a run of another name with "
        "checkpoint.from={}",
        entry.key, trimmed(entry.value), checkpoint.string(),
        same_key ? fmt::format("with '{}'", trimmed(then[i].value)) : "without that key",
        checkpoint.string()));
  }
}

std::optional<CheckpointReader> choose_checkpoint(const TrainConfig& config, uint32_t data_crc32,
                                                  Launch& launch) {
  const CheckpointFolder folder(config.checkpoint_folder());
  std::optional<CheckpointReader> checkpoint;
  if (config.checkpoint.resume)
    checkpoint = newest_whole(folder, launch);
  else
    check_no_checkpoints(folder, launch);
  if (checkpoint)
    check_run(*checkpoint, config, data_crc32, launch);
  else if (!config.checkpoint.from.empty())
    checkpoint = open_origin(config.checkpoint.from, launch);
  return checkpoint;
}

}  // namespace isoflop
