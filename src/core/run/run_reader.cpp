// SPDX-License-Identifier: MIT
#include "core/run/run_reader.hpp"

#include "core/base/error.hpp"
#include "core/run/compound_table.hpp"
#include "core/run/guarded_read.hpp"
#include "core/run/hdf5_attributes.hpp"
#include "core/run/header_io.hpp"
#include "core/run/matrix_table.hpp"
#include "core/run/open_run.hpp"
#include "core/run/run_schema.hpp"
#include "core/run/run_streams.hpp"
#include "core/run/superblock.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <sstream>
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
  const CompoundTable table =
      CompoundTable::open(file, schema::Table<Record>::schema.path, schema::row_layout(columns));
  const CompoundTable::Count count = table.count();
  std::vector<Record> records;
  schema::unpack_rows(columns, table.read(0, count.stored), records);
  const auto end = std::find_if(records.begin(), records.end(),
                                [](const Record& record) { return record.time == 0; });
  unwritten += count.n_missing + (records.end() - end);
  records.erase(end, records.end());
  return records;
}

/// How many steps were written, and how many rows are announced beside them.
struct WrittenSteps {
  std::size_t count = 0;
  int64_t unwritten = 0;
};

WrittenSteps count_steps(hid_t file) {
  const schema::RowLayout layout = schema::row_layout(schema::columns_of<StepRecord>());
  const auto time = std::find_if(layout.columns.begin(), layout.columns.end(),
                                 [](const auto& column) { return column.name == "time"; });
  const CompoundTable table =
      CompoundTable::open(file, schema::Table<StepRecord>::schema.path, layout);
  const CompoundTable::Count rows = table.count();
  const auto steps_at = [&](std::size_t count) {
    return WrittenSteps{count, rows.n_missing + static_cast<int64_t>(rows.stored - count)};
  };
  for (std::size_t begin = 0; begin < rows.stored; begin += StepRows::kBlockRows) {
    const std::size_t size = std::min(StepRows::kBlockRows, rows.stored - begin);
    const std::vector<std::byte> block = table.read(begin, size);
    for (std::size_t row = 0; row < size; ++row) {
      double seconds = 0;
      schema::load(std::span(block).subspan(row * layout.row_size + time->offset), seconds);
      if (seconds == 0) return steps_at(begin + row);
    }
  }
  return steps_at(rows.stored);
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

/// Steps that are not counted yet are.
RunFile read_for_tables(hid_t file, const fs::path& path, std::optional<WrittenSteps>& steps) {
  RunFile run;
  run.path = path;
  run.header = read_header(file);
  run.state = read_state(file);
  if (!steps) steps = count_steps(file);
  run.unwritten_rows = steps->unwritten;
  run.steps = StepRows::of_file(path, steps->count);
  run.evals = read_table<EvalRecord>(file, run.unwritten_rows);
  run.checkpoints = read_table<CheckpointRecord>(file, run.unwritten_rows);
  run.events = read_table<RunEvent>(file, run.unwritten_rows);
  read_rank_times(file, run);
  return run;
}

RunFile read_whole(hid_t file, const fs::path& path) {
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
RunFile read_unguarded(const fs::path& path, RunReading reading,
                       std::optional<WrittenSteps>& steps) {
  const Superblock superblock = examine(path);
  try {
    const Hdf5Handle file = open_run(path, superblock);
    check_format(file.get(), path);
    RunFile run = reading == RunReading::whole ? read_whole(file.get(), path)
                                               : read_for_tables(file.get(), path, steps);
    run.closed_cleanly = !superblock.open_for_writing;
    return run;
  } catch (const Hdf5Error& error) {
    give_up(RunFileProblem::damaged, path,
            fmt::format("is damaged ({}); copy it again or leave it out", error.what()));
  }
}

std::chrono::seconds time_limit(const fs::path& path) {
  constexpr std::uintmax_t kSlowestBytesPerSecond = 20'000'000;
  std::error_code error;
  const std::uintmax_t size = fs::file_size(path, error);
  return std::chrono::seconds(10 + (error ? 0 : size / kSlowestBytesPerSecond));
}

/// What a child process finds, which tries a file first, since the HDF5 library can loop or crash
/// on damaged ones: the number of its problem and the message, or "+", its steps and rows never
/// written.
std::string rehearse(const fs::path& path, RunReading reading) {
  try {
    std::optional<WrittenSteps> steps;
    read_unguarded(path, reading, steps);
    return fmt::format("+{} {}", steps ? steps->count : 0, steps ? steps->unwritten : 0);
  } catch (const Unreadable& unreadable) {
    return static_cast<char>('0' + static_cast<int>(unreadable.reason.problem)) +
           unreadable.reason.message;
  }
}

/// Throws Unreadable unless the rehearsal went well.
WrittenSteps steps_of_rehearsal(const GuardedOutcome& outcome, const fs::path& path) {
  if (outcome.kind == GuardedOutcome::Kind::timed_out)
    give_up(RunFileProblem::damaged, path,
            fmt::format("is damaged (reading it did not end within {} s); copy it again or leave "
                        "it out",
                        time_limit(path).count()));
  if (outcome.kind == GuardedOutcome::Kind::crashed)
    give_up(RunFileProblem::damaged, path,
            "is damaged (the HDF5 library crashes on it); copy it again or leave it out");
  if (outcome.output[0] != '+')
    throw Unreadable{
        {static_cast<RunFileProblem>(outcome.output[0] - '0'), outcome.output.substr(1)}};
  WrittenSteps steps;
  std::istringstream(outcome.output.substr(1)) >> steps.count >> steps.unwritten;
  return steps;
}

}  // namespace

void read_runs(std::span<const fs::path> paths, RunReading reading,
               const std::function<void(RunReadResult)>& visit) {
  GuardedSequence rehearsals(
      paths.size(), [&](std::size_t item) { return rehearse(paths[item], reading); },
      [&](std::size_t item) { return time_limit(paths[item]); });
  for (const fs::path& path : paths) {
    try {
      std::optional<WrittenSteps> steps = steps_of_rehearsal(rehearsals.next(), path);
      visit(read_unguarded(path, reading, steps));
    } catch (const Unreadable& unreadable) {
      visit(unreadable.reason);
    }
  }
}

RunReadResult read_run(const fs::path& path) {
  RunReadResult result;
  read_runs(std::span(&path, 1), RunReading::whole,
            [&](RunReadResult read) { result = std::move(read); });
  return result;
}

RunFile read_run_or_throw(const fs::path& path) {
  RunReadResult result = read_run(path);
  if (const auto* unreadable = std::get_if<UnreadableRun>(&result))
    throw FileError(unreadable->message);
  return std::move(std::get<RunFile>(result));
}

}  // namespace isoflop
