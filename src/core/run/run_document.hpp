// SPDX-License-Identifier: MIT
#pragma once

#include "core/run/run_set.hpp"

#include <filesystem>
#include <functional>
#include <string_view>

namespace isoflop {

/// Takes the next piece of a document.
using TextSink = std::function<void(std::string_view)>;

/// A run over all its starts as one JSON document (RUN_SCHEMA.md, "JSON log"), piece by piece: it
/// takes no more memory than its run files.
void write_run_document(const TrainingRun& run, const TextSink& sink);

/// Gives what `write` says to a file, which appears or is replaced when it is complete. Throws
/// FileError.
void save_pieces(const std::function<void(const TextSink&)>& write,
                 const std::filesystem::path& path);

/// The document to a file, which appears or is replaced when it is complete. Throws FileError.
void save_run_document(const TrainingRun& run, const std::filesystem::path& path);

}  // namespace isoflop
