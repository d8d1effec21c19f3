// SPDX-License-Identifier: MIT
#include "core/run/run_reader.hpp"

#include "core/base/error.hpp"
#include "core/run/hdf5_attributes.hpp"
#include "run_samples.hpp"

#include <gmock/gmock.h>

#include <fstream>

namespace isoflop {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class RunReaderTest : public RunFolder {
 protected:
  void write_run(const std::string& name) const {
    RunWriter writer(file(name), sample_header());
    for (int64_t step = 1; step <= 300; ++step) writer.append(sample_step(step));
    writer.set_state(RunState::done);
  }
};

/// An HDF5 file with our format attribute (or none) and nothing else.
void write_other_hdf5(const fs::path& path, const std::string& format, const std::string& version) {
  prepare_hdf5();
  const Hdf5Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
  if (!format.empty()) write_attribute(file.get(), "format", format);
  if (!version.empty()) write_attribute(file.get(), "format_version", version);
}

TEST_F(RunReaderTest, missing_file_is_named) {
  const UnreadableRun reason = expect_unreadable(file("no.h5"));
  EXPECT_EQ(reason.problem, RunFileProblem::missing);
  EXPECT_THAT(reason.message, HasSubstr("no.h5: cannot be opened (No such file"));
}

TEST_F(RunReaderTest, empty_file_is_named) {
  std::ofstream(file("a.h5")).flush();
  EXPECT_EQ(expect_unreadable(file("a.h5")).problem, RunFileProblem::empty);
}

TEST_F(RunReaderTest, folder_and_text_file_are_foreign) {
  fs::create_directory(file("dir.h5"));
  std::ofstream(file("a.h5")) << "step,loss\n1,2\n";
  EXPECT_EQ(expect_unreadable(file("dir.h5")).problem, RunFileProblem::foreign);
  EXPECT_EQ(expect_unreadable(file("a.h5")).problem, RunFileProblem::foreign);
}

TEST_F(RunReaderTest, hdf5_of_another_program_is_foreign) {
  write_other_hdf5(file("plain.h5"), "", "");
  write_other_hdf5(file("other.h5"), "someone-else", "1.0");
  {
    const Hdf5Handle number(
        H5Fcreate(file("number.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
    write_attribute(number.get(), "format", int64_t{3});
  }
  EXPECT_EQ(expect_unreadable(file("plain.h5")).problem, RunFileProblem::foreign);
  EXPECT_EQ(expect_unreadable(file("number.h5")).problem, RunFileProblem::foreign);
  EXPECT_THAT(expect_unreadable(file("other.h5")).message, HasSubstr("of another program"));
}

TEST_F(RunReaderTest, newer_major_version_is_refused_with_both_versions) {
  write_other_hdf5(file("a.h5"), "isoflop-run", "2.0");
  const UnreadableRun reason = expect_unreadable(file("a.h5"));
  EXPECT_EQ(reason.problem, RunFileProblem::newer_version);
  EXPECT_THAT(reason.message, HasSubstr("format version 2.0 (this program reads 1.x)"));
}

TEST_F(RunReaderTest, cut_file_is_truncated_wherever_it_is_cut) {
  write_run("a.h5");
  const auto size = fs::file_size(file("a.h5"));
  for (const auto kept :
       {size - 1, size / 2, std::uintmax_t{100}, std::uintmax_t{48}, std::uintmax_t{20}}) {
    fs::resize_file(file("a.h5"), kept);
    EXPECT_EQ(expect_unreadable(file("a.h5")).problem, RunFileProblem::truncated) << kept;
  }
}

TEST_F(RunReaderTest, file_without_its_tables_is_damaged) {
  write_other_hdf5(file("a.h5"), "isoflop-run", "1.0");
  const UnreadableRun reason = expect_unreadable(file("a.h5"));
  EXPECT_EQ(reason.problem, RunFileProblem::damaged);
  EXPECT_THAT(reason.message, HasSubstr("a.h5: is damaged ("));
}

TEST_F(RunReaderTest, overwritten_bytes_never_crash_the_reader) {
  write_run("a.h5");
  const auto size = static_cast<std::streamoff>(fs::file_size(file("a.h5")));
  int n_unreadable = 0;  // the others have a wrong number somewhere
  for (std::streamoff at = 48; at < size; at += size / 25) {
    fs::copy_file(file("a.h5"), file("b.h5"), fs::copy_options::overwrite_existing);
    std::fstream stream(file("b.h5"), std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(at);
    stream << std::string(64, '\x5A');
    stream.close();
    const RunReadResult result = read_run(file("b.h5"));
    n_unreadable += std::holds_alternative<UnreadableRun>(result) ? 1 : 0;
  }
  EXPECT_GT(n_unreadable, 0);
}

TEST_F(RunReaderTest, or_throw_throws_the_message) {
  try {
    read_run_or_throw(file("no.h5"));
    FAIL() << "read";
  } catch (const FileError& error) {
    EXPECT_THAT(error.what(), HasSubstr("no.h5: cannot be opened"));
  }
}

}  // namespace
}  // namespace isoflop
