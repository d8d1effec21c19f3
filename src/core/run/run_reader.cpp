// SPDX-License-Identifier: MIT
#include "core/run/run_reader.hpp"

#include "core/base/error.hpp"
#include "core/run/compound_table.hpp"
#include "core/run/guarded_read.hpp"
#include "core/run/hdf5_attributes.hpp"
#include "core/run/header_io.hpp"
#include "core/run/matrix_table.hpp"
#include "core/run/run_schema.hpp"
#include "core/run/run_streams.hpp"
#include "core/run/superblock.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <system_error>
#include <utility>

namespace isoflop {
namespace {

namespace fs = std::filesystem;
namespace schema = run_schema;

/// Carries the reason from where it is found to read_run.
struct Unreadable {
  UnreadableRun reason;
};

[[noreturn]] void give_up(RunFileProblem problem, const fs::path& path, const std::string& text) {
  throw Unreadable{{problem, fmt::format("{}: {}", path.string(), text)}};
}

/// Everything that can be said without the HDF5 library.
Superblock examine(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status))
    give_up(RunFileProblem::missing, path, "cannot be opened (No such file or directory)");
  if (fs::is_directory(status))
    give_up(RunFileProblem::foreign, path, "is a folder; name run files (runs/*.h5)");
  const auto size = static_cast<int64_t>(fs::file_size(path, error));
  if (error)
    give_up(RunFileProblem::missing, path, fmt::format("cannot be read ({})", error.message()));
  if (size == 0)
    give_up(RunFileProblem::empty, path, "is empty (the job ended before it recorded anything)");
  const std::optional<Superblock> superblock = read_superblock(path);
  if (!superblock) give_up(RunFileProblem::foreign, path, "is not an HDF5 file, hence no run file");
  // A live writer announces its size before it extends the file; a row that is not there is
  // found by its time.
  if (size < superblock->end_of_file && !superblock->open_for_live_reads)
    give_up(
        RunFileProblem::truncated, path,
        fmt::format("is truncated ({} of {} bytes); copy it again", size, superblock->end_of_file));
  if (superblock->open_for_writing && !superblock->open_for_live_reads)
    give_up(RunFileProblem::empty, path, "holds no run (the job ended while it created the file)");
  return *superblock;
}

/// A live reader that meets a half-written object tries again, waiting twice as long each time: 25
/// times take 30 ms, the library's 100 would take for ever.
constexpr unsigned kReadAttempts = 25;

Hdf5Handle open_to_read(const fs::path& path, const Superblock& superblock) {
  const Hdf5Handle access = run_file_access();
  hdf5_checked(H5Pset_metadata_read_attempts(access.get(), kReadAttempts));
  const unsigned live = superblock.open_for_live_reads ? H5F_ACC_SWMR_READ : 0U;
  return Hdf5Handle(H5Fopen(path.c_str(), H5F_ACC_RDONLY | live, access.get()));
}

bool is_run(hid_t file) {
  try {
    return H5Aexists(file, schema::kFormatAttribute) > 0 &&
           read_text_attribute(file, schema::kFormatAttribute) == schema::kFormat;
  } catch (const Hdf5Error&) {  // another program's attribute of that name
    return false;
  }
}

void check_format(hid_t file, const fs::path& path) {
  if (!is_run(file))
    give_up(RunFileProblem::foreign, path, "is an HDF5 file of another program, not a run file");
  const std::string version = read_text_attribute(file, schema::kVersionAttribute).value_or("0");
  if (std::atoi(version.c_str()) > schema::kVersionMajor)
    give_up(RunFileProblem::newer_version, path,
            fmt::format("has format version {} (this program reads {}.x); use a newer isoflop",
                        version, schema::kVersionMajor));
}

/// The records of a table up to the first row that was never written.
template <typename Record>
std::vector<Record> read_table(hid_t file, int64_t& unwritten) {
  const auto columns = schema::columns_of<Record>();
  const schema::RowLayout layout = schema::row_layout(columns);
  const CompoundTable::Rows rows =
      CompoundTable::open(file, schema::Table<Record>::schema.path, layout).read();
  const std::size_t count = rows.bytes.size() / layout.row_size;
  std::vector<Record> records;
  records.reserve(count);
  for (std::size_t row = 0; row < count; ++row) {
    Record record =
        schema::unpack_row(columns, std::span(rows.bytes).subspan(row * layout.row_size));
    if (record.time == 0) break;
    records.push_back(std::move(record));
  }
  unwritten += rows.n_missing + static_cast<int64_t>(count - records.size());
  return records;
}

/// As read_table: steps are counted from 1, so zero marks a row that was never written.
MatrixTable::Rows read_matrices(hid_t file, const schema::MatrixSchema& matrix,
                                std::span<const MatrixColumn> columns, int64_t& unwritten) {
  MatrixTable::Rows rows = MatrixTable::open(file, matrix, columns).read();
  std::size_t count = 0;
  while (count < rows.steps.size() && rows.steps[count] > 0) ++count;
  unwritten += rows.n_missing + static_cast<int64_t>(rows.steps.size() - count);
  rows.steps.resize(count);
  return rows;
}

std::vector<float> matrix_row(const MatrixTable::Rows& rows, std::size_t column, std::size_t row) {
  const auto begin = rows.values[column].begin() + static_cast<std::ptrdiff_t>(row * rows.width);
  return {begin, begin + static_cast<std::ptrdiff_t>(rows.width)};
}

void read_layer_norms(hid_t file, RunFile& run) {
  if (run.header.unit_names.empty()) return;
  const auto rows = read_matrices(file, schema::kLayerNorms, kLayerNormColumns, run.unwritten_rows);
  for (std::size_t row = 0; row < rows.steps.size(); ++row)
    run.layer_norms.push_back({rows.steps[row], matrix_row(rows, 0, row), matrix_row(rows, 1, row),
                               matrix_row(rows, 2, row)});
}

void read_rank_times(hid_t file, RunFile& run) {
  const auto rows = read_matrices(file, schema::kRankTimes, kRankTimeColumns, run.unwritten_rows);
  for (std::size_t row = 0; row < rows.steps.size(); ++row)
    run.rank_times.push_back({rows.steps[row], matrix_row(rows, 0, row), matrix_row(rows, 1, row)});
}

RunFile read_contents(hid_t file, const fs::path& path) {
  RunFile run;
  run.path = path;
  run.header = read_header(file);
  run.state = read_state(file);
  run.steps = read_table<StepRecord>(file, run.unwritten_rows);
  run.gradients = read_table<GradientRecord>(file, run.unwritten_rows);
  run.evals = read_table<EvalRecord>(file, run.unwritten_rows);
  run.system = read_table<SystemRecord>(file, run.unwritten_rows);
  run.checkpoints = read_table<CheckpointRecord>(file, run.unwritten_rows);
  run.events = read_table<RunEvent>(file, run.unwritten_rows);
  read_layer_norms(file, run);
  read_rank_times(file, run);
  return run;
}

/// May hang or crash on a damaged file.
RunFile read_unguarded(const fs::path& path, const Superblock& superblock) {
  prepare_hdf5();
  try {
    const Hdf5Handle file = open_to_read(path, superblock);
    check_format(file.get(), path);
    RunFile run = read_contents(file.get(), path);
    run.closed_cleanly = !superblock.open_for_writing;
    return run;
  } catch (const Hdf5Error& error) {
    give_up(RunFileProblem::damaged, path,
            fmt::format("is damaged ({}); copy it again or leave it out", error.what()));
  }
}

/// A child process reads the file first: the HDF5 library can loop or crash on damaged files.
void rehearse(const fs::path& path, const Superblock& superblock) {
  constexpr int64_t kSlowestBytesPerSecond = 20'000'000;
  const std::chrono::seconds limit(10 + superblock.end_of_file / kSlowestBytesPerSecond);
  const auto attempt = [&]() -> std::string {
    try {
      read_unguarded(path, superblock);
      return {};
    } catch (const Unreadable& unreadable) {
      return static_cast<char>('0' + static_cast<int>(unreadable.reason.problem)) +
             unreadable.reason.message;
    }
  };
  const GuardedOutcome outcome = run_guarded(attempt, limit);
  if (outcome.kind == GuardedOutcome::Kind::timed_out)
    give_up(RunFileProblem::damaged, path,
            fmt::format("is damaged (reading it did not end within {} s); copy it again or leave "
                        "it out",
                        limit.count()));
  if (outcome.kind == GuardedOutcome::Kind::crashed)
    give_up(RunFileProblem::damaged, path,
            "is damaged (the HDF5 library crashes on it); copy it again or leave it out");
  if (!outcome.output.empty())
    throw Unreadable{
        {static_cast<RunFileProblem>(outcome.output[0] - '0'), outcome.output.substr(1)}};
}

}  // namespace

RunReadResult read_run(const fs::path& path) {
  try {
    const Superblock superblock = examine(path);
    rehearse(path, superblock);
    return read_unguarded(path, superblock);
  } catch (const Unreadable& unreadable) {
    return unreadable.reason;
  }
}

RunFile read_run_or_throw(const fs::path& path) {
  RunReadResult result = read_run(path);
  if (const auto* unreadable = std::get_if<UnreadableRun>(&result))
    throw FileError(unreadable->message);
  return std::move(std::get<RunFile>(result));
}

}  // namespace isoflop
