// SPDX-License-Identifier: MIT
#include "core/base/gnuplot.hpp"

#include "core/base/program_output.hpp"
#include "core/base/text_file.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace isoflop {
namespace {

using testing::HasSubstr;

/// PATH for one test.
class Path {
 public:
  explicit Path(const std::string& path) : before_(std::getenv("PATH")) {
    setenv("PATH", path.c_str(), 1);
  }
  ~Path() { setenv("PATH", before_.c_str(), 1); }
  Path(const Path&) = delete;
  Path& operator=(const Path&) = delete;

 private:
  std::string before_;
};

TEST(Gnuplot, no_text_ends_a_string) {
  EXPECT_EQ(gnuplot_string("it's `date`\n$x"), "'it''s `date` $x'");
}

TEST(Gnuplot, every_colour_has_its_line) {
  EXPECT_THAT(gnuplot_linetypes(), HasSubstr("set linetype 6 "));
}

TEST(Gnuplot, without_gnuplot_the_script_is_there_and_the_reason_said) {
  test::TempDir dir;
  const Path nowhere("/nonexistent");
  const auto problem = write_plot(dir.path() / "a.gp", "plot x\n");
  EXPECT_EQ(problem, "gnuplot is not on PATH; where it is, 'gnuplot a.gp' draws it");
  EXPECT_EQ(read_text_file(dir.path() / "a.gp"), "plot x\n");
}

bool has_gnuplot() { return run_program({"gnuplot", "--version"}).has_value(); }

TEST(Gnuplot, draws_beside_the_script_in_any_folder) {
  if (!has_gnuplot()) GTEST_SKIP() << "gnuplot is not installed";
  test::TempDir dir;
  const auto folder = dir.path() / "it's a $(folder)";
  ASSERT_EQ(write_plot(folder / "a.gp", "set terminal svg\nset output 'a.svg'\nplot x\n"),
            std::nullopt);
  EXPECT_THAT(read_text_file(folder / "a.svg"), HasSubstr("<svg"));
}

TEST(Gnuplot, a_script_that_fails_says_why) {
  if (!has_gnuplot()) GTEST_SKIP() << "gnuplot is not installed";
  test::TempDir dir;
  EXPECT_THAT(write_plot(dir.path() / "a.gp", "plot nonsense(\n").value(),
              HasSubstr("gnuplot ended with exit code 1 ("));
}

}  // namespace
}  // namespace isoflop
