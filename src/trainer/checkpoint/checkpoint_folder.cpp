// SPDX-License-Identifier: MIT
#include "trainer/checkpoint/checkpoint_folder.hpp"

#include "core/base/file_failure.hpp"
#include "core/base/log.hpp"
#include "core/base/sync_folder.hpp"
#include "core/plan/config_values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>
#include <sys/statvfs.h>
#include <system_error>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "step-";
constexpr std::string_view kWriting = ".writing";
constexpr std::string_view kDeleting = ".deleting";

std::optional<int64_t> step_of(const std::string& name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  return parse_digits(std::string_view(name).substr(kPrefix.size()));
}

std::vector<fs::path> entries(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> result;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    result.push_back(it->path());
  return result;
}

void remove_or_warn(const fs::path& folder) {
  std::error_code error;
  fs::remove_all(folder, error);
  if (error)
    log::warn("{}: cannot be removed ({}); remove it by hand", folder.string(), error.message());
}

/// By way of another name, so that nobody takes what is half removed for a checkpoint.
void remove_checkpoint(const fs::path& folder) {
  fs::path other = folder;
  other += kDeleting;
  std::error_code error;
  fs::rename(folder, other, error);
  remove_or_warn(error ? folder : other);
}

}  // namespace

fs::path CheckpointFolder::of(int64_t step) const {
  return path_ / fmt::format("{}{:08}", kPrefix, step);
}

fs::path CheckpointFolder::writing(int64_t step) const {
  fs::path path = of(step);
  return path += kWriting;
}

std::vector<int64_t> CheckpointFolder::steps() const {
  std::vector<int64_t> steps;
  for (const fs::path& entry : entries(path_))
    if (const auto step = step_of(entry.filename().string())) steps.push_back(*step);
  std::sort(steps.rbegin(), steps.rend());
  return steps;
}

void CheckpointFolder::commit(int64_t step) const {
  std::error_code error;
  fs::rename(writing(step), of(step), error);
  if (error) throw_file_failure(of(step), "rename into place", error.value());
  sync_folder(path_);
}

void CheckpointFolder::prune(const CheckpointConfig& config) const {
  const std::vector<int64_t> all = steps();
  for (std::size_t i = static_cast<std::size_t>(config.keep); i < all.size(); ++i) {
    const int64_t before = i + 1 < all.size() ? all[i + 1] : 0;
    if (!passes_multiple(config.milestone_interval, before, all[i])) remove_checkpoint(of(all[i]));
  }
}

void CheckpointFolder::remove_unfinished() const {
  for (const fs::path& entry : entries(path_)) {
    const std::string extension = entry.extension().string();
    if (extension == kWriting || extension == kDeleting) remove_or_warn(entry);
  }
}

void CheckpointFolder::remove_unfinished(int64_t step) const { remove_or_warn(writing(step)); }

int64_t CheckpointFolder::free_bytes() const {
  fs::path existing = fs::absolute(path_);
  while (!fs::exists(existing) && existing.has_relative_path()) existing = existing.parent_path();
  struct statvfs status {};
  if (statvfs(existing.c_str(), &status) != 0)
    throw_file_failure(existing, "read the free space of", errno);
  return static_cast<int64_t>(status.f_bavail) * static_cast<int64_t>(status.f_frsize);
}

std::string describe_newest(const CheckpointFolder& folder) {
  const std::vector<int64_t> steps = folder.steps();
  if (steps.empty()) return "there is no checkpoint";
  return fmt::format("the last checkpoint is of step {} ({})", steps.front(),
                     folder.of(steps.front()).string());
}

}  // namespace isoflop
