// SPDX-License-Identifier: MIT
#include "trainer/interchange/new_folder.hpp"

#include "core/base/error.hpp"
#include "core/base/file_failure.hpp"
#include "core/base/sync_folder.hpp"

#include <fmt/format.h>

#include <system_error>
#include <utility>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

/// Without a slash at the end, so that something can be put behind the name.
fs::path bare(fs::path path) { return path.has_filename() ? path : path.parent_path(); }

fs::path writing_beside(fs::path path) { return path += ".writing"; }

}  // namespace

NewFolder::NewFolder(fs::path path)
    : path_(bare(std::move(path))), writing_(writing_beside(path_)) {
  if (fs::exists(path_) && !(fs::is_directory(path_) && fs::is_empty(path_)))
    throw FileError(
        fmt::format("{}: exists; name a new folder, or remove this one first", path_.string()));
  std::error_code error;
  fs::remove_all(writing_, error);
  fs::create_directories(writing_, error);
  if (error) throw_file_failure(writing_, "make the folder", error.value());
}

NewFolder::~NewFolder() {
  std::error_code error;
  if (!committed_) fs::remove_all(writing_, error);
}

void NewFolder::commit() {
  sync_folder(writing_);
  std::error_code error;
  fs::rename(writing_, path_, error);
  if (error) throw_file_failure(path_, "rename into place", error.value());
  committed_ = true;
  sync_folder(path_.parent_path());
}

}  // namespace isoflop
