// SPDX-License-Identifier: MIT
// The program as users start it, on files that RunWriter wrote.
#include "core/run/hdf5_attributes.hpp"
#include "core/run/run_writer.hpp"
#include "core/run/segment_samples.hpp"
#include "core/scaling/law_catalog.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>

namespace isoflop {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

struct Outcome {
  int exit_code = 0;
  std::string out;
  std::string err;
};

std::string contents(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

/// An HDF5 file that says what format it has and nothing else.
void write_other_hdf5(const fs::path& path, const std::string& format, const std::string& version) {
  prepare_hdf5();
  const Hdf5Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
  write_attribute(file.get(), "format", format);
  write_attribute(file.get(), "format_version", version);
}

class ReportProgram : public ::testing::Test {
 protected:
  ReportProgram()
      : folder_(fs::temp_directory_path() / ("isoflop_report_" + std::to_string(getpid()))) {
    fs::create_directories(folder_);
  }
  ~ReportProgram() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  /// Writes steps first..last of sample_segment.
  void write_run(const std::string& name, const RunFile& run) const {
    RunWriter writer(folder_ / name, run.header);
    for (const StepRecord& step : run.steps) writer.append(step);
    for (const EvalRecord& eval : run.evals) writer.append(eval);
    writer.set_state(run.state);
  }

  Outcome report(const std::string& arguments) const {
    const char* const bin = std::getenv("ISOFLOP_BIN");
    const std::string command = "cd '" + folder_.string() + "' && '" +
                                (bin == nullptr ? "build/bin" : bin) + "/report' " + arguments +
                                " >out.txt 2>err.txt";
    const int status = std::system(command.c_str());
    return {WEXITSTATUS(status), contents(folder_ / "out.txt"), contents(folder_ / "err.txt")};
  }

  fs::path folder_;
};

TEST_F(ReportProgram, two_runs_give_a_row_each_and_the_same_numbers_in_csv_and_json) {
  RunFile done = sample_segment("alpha", 0, 0, 100);
  done.state = RunState::done;
  write_run("alpha.s000.h5", done);
  write_run("beta.s000.h5", sample_segment("beta", 0, 0, 40));
  const Outcome text = report("*.h5");
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_EQ(text.err, "");
  EXPECT_THAT(text.out,
              HasSubstr("alpha  done               tiny   1.00 M  10.0 k  0.01     8  H100"));
  EXPECT_THAT(text.out, HasSubstr("PARTIAL (running)"));
  EXPECT_THAT(text.out, HasSubstr("9.0450"));  // train loss of alpha, see run_summary_test
  EXPECT_THAT(report("*.h5 --format csv --table runs").out,
              HasSubstr("\nalpha,done,tiny,1000000,10000,0.01,8,H100,"));
  EXPECT_THAT(report("*.h5 --format json").out, HasSubstr("\"tokens\": 10000,"));
  EXPECT_THAT(report("*.h5 --format md").out,
              HasSubstr("| alpha | done | tiny | 1.00 M | 10.0 k | 0.01 | 8 |"));
}

TEST_F(ReportProgram, runs_are_filtered_sorted_and_grouped_by_recorded_keys) {
  for (const std::string name : {"a", "b", "c"}) {
    RunFile run = sample_segment(name, 0, 0, 20);
    run.header.config.seed = name == "b" ? 2 : 1;
    write_run(name + ".h5", run);
  }
  const std::string csv = " --format csv --table ";
  const Outcome sorted = report("*.h5 --filter config.seed=1 --sort run:desc" + csv + "runs");
  EXPECT_EQ(sorted.exit_code, 0) << sorted.err;
  EXPECT_THAT(sorted.out, ::testing::ContainsRegex("\nc,.*\na,.*\n$"));
  EXPECT_THAT(report("*.h5 --group config.seed" + csv + "groups").out,
              ::testing::ContainsRegex("\n1,2,2,.*\n2,1,1,"));
  EXPECT_THAT(report("*.h5 --table loss_at_tokens").out, HasSubstr("\na (PARTIAL)  "));
  EXPECT_EQ(report("*.h5 --sort nothing").exit_code, 2);
  EXPECT_EQ(report("*.h5 --table groups").exit_code, 2);
}

TEST_F(ReportProgram, segments_of_a_run_become_one_row_with_lost_steps) {
  write_run("a.s000.h5", sample_segment("a", 0, 0, 100));
  RunFile second = sample_segment("a", 1, 80, 130);
  second.state = RunState::done;
  write_run("a.s001.h5", second);
  const Outcome outcome = report("a.s001.h5 a.s000.h5 --format csv --table runs");
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.out, HasSubstr(",1,20\n"));
}

TEST_F(ReportProgram, unusable_files_are_named_with_the_reason_and_the_rest_is_shown) {
  write_run("good.h5", sample_segment("good", 0, 0, 100));
  write_run("cut.h5", sample_segment("cut", 0, 0, 100));
  fs::resize_file(folder_ / "cut.h5", fs::file_size(folder_ / "cut.h5") / 2);
  std::ofstream(folder_ / "empty.h5").flush();
  std::ofstream(folder_ / "foreign.h5") << "not HDF5";
  write_other_hdf5(folder_ / "other.h5", "someone-else", "1.0");
  write_other_hdf5(folder_ / "future.h5", "isoflop-run", "2.0");
  fs::create_directory(folder_ / "folder.h5");
  const std::string files =
      "cut.h5 empty.h5 folder.h5 foreign.h5 future.h5 good.h5 none.h5 other.h5";
  const std::map<std::string, int> exit_codes = {
      {"", 6}, {"compare --by run ", 2}, {"export --json ", 6}, {"fit --partial ", 10}};
  for (const auto& [command, exit_code] : exit_codes) {
    const Outcome outcome = report(command + files);
    EXPECT_EQ(outcome.exit_code, exit_code) << command;
    EXPECT_EQ(outcome.out.find("good") != std::string::npos, exit_code == 6) << command;
    EXPECT_THAT(outcome.err, HasSubstr("cut.h5: is truncated ("));
    EXPECT_THAT(outcome.err, HasSubstr("empty.h5: is empty"));
    EXPECT_THAT(outcome.err, HasSubstr("folder.h5: is a folder"));
    EXPECT_THAT(outcome.err, HasSubstr("foreign.h5: is not an HDF5 file"));
    EXPECT_THAT(outcome.err, HasSubstr("other.h5: is an HDF5 file of another program"));
    EXPECT_THAT(outcome.err, HasSubstr("future.h5: has format version 2.0"));
    EXPECT_THAT(outcome.err, HasSubstr("none.h5: cannot be opened"));
    EXPECT_THAT(outcome.err, Not(HasSubstr("good.h5")));
  }
}

TEST_F(ReportProgram, a_growing_file_and_one_of_a_killed_writer_are_rows) {
  const RunFile run = sample_segment("live", 0, 0, 50);
  RunWriter writer(folder_ / "live.h5", run.header);
  for (const StepRecord& step : run.steps) writer.append(step);
  writer.flush();
  RunFile other = sample_segment("killed", 0, 0, 40);
  {
    RunWriter killed(folder_ / "open.h5", other.header);
    for (const StepRecord& step : other.steps) killed.append(step);
    killed.flush();
    fs::copy_file(folder_ / "open.h5", folder_ / "killed.h5");  // as kill -9 leaves it
  }
  const Outcome outcome = report("killed.h5 live.h5 --format csv --table runs");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("\nkilled,PARTIAL (running),tiny,1000000,4000,"));
  EXPECT_THAT(outcome.out, HasSubstr("\nlive,PARTIAL (running),tiny,1000000,5000,"));
}

TEST_F(ReportProgram, nothing_usable_is_said_and_gives_the_same_exit_code) {
  const Outcome outcome = report("none.h5");
  EXPECT_EQ(outcome.exit_code, 6);
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, HasSubstr("none of the files is a run that can be read"));
}

TEST_F(ReportProgram, the_same_segment_twice_is_counted_once_and_named) {
  write_run("a.h5", sample_segment("a", 0, 0, 100));
  const Outcome outcome = report("a.h5 a.h5");
  EXPECT_EQ(outcome.exit_code, 6);
  EXPECT_THAT(outcome.err, HasSubstr("is segment 0 of run 'a' as a.h5 is; give only one"));
}

// core/run/run_document_test.cpp reads the document.
TEST_F(ReportProgram, export_writes_one_document_of_all_starts) {
  write_run("a.s000.h5", sample_segment("a", 0, 0, 100));
  RunFile second = sample_segment("a", 1, 80, 130);
  second.state = RunState::done;
  write_run("a.s001.h5", second);
  const Outcome printed = report("export a.s000.h5 a.s001.h5 --json");
  EXPECT_EQ(printed.exit_code, 0) << printed.err;
  EXPECT_THAT(printed.out, HasSubstr("\n    {\"iter\": 130, "));
  EXPECT_THAT(printed.out, HasSubstr("\"lost_iterations\": 20,"));
  const Outcome written = report("export a.s000.h5 a.s001.h5 --json --out a.json");
  EXPECT_EQ(written.exit_code, 0) << written.err;
  EXPECT_EQ(written.out, "");
  EXPECT_EQ(contents(folder_ / "a.json"), printed.out);
}

// core/run/run_csv_test.cpp reads the lines.
TEST_F(ReportProgram, export_writes_a_line_an_iteration) {
  write_run("a.h5", sample_segment("a", 0, 0, 100));
  const Outcome printed = report("export a.h5 --csv");
  EXPECT_EQ(printed.exit_code, 0) << printed.err;
  EXPECT_EQ(std::count(printed.out.begin(), printed.out.end(), '\n'), 101);
  EXPECT_EQ(report("export a.h5 --csv --out a.csv").out, "");
  EXPECT_EQ(contents(folder_ / "a.csv"), printed.out);
}

TEST_F(ReportProgram, export_needs_one_format) {
  write_run("a.h5", sample_segment("a", 0, 0, 10));
  EXPECT_EQ(report("export a.h5").exit_code, 2);
  EXPECT_EQ(report("export a.h5 --csv --json").exit_code, 2);
}

TEST_F(ReportProgram, export_is_of_one_run) {
  write_run("a.h5", sample_segment("a", 0, 0, 10));
  write_run("b.h5", sample_segment("b", 0, 0, 10));
  const Outcome outcome = report("export a.h5 b.h5 --json");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("the files are of 'a, b' (2 runs"));
  EXPECT_EQ(report("export none.h5 --json").exit_code, 6);
}

/// Runs of five sizes and three lengths; the losses are those of a law.
void write_sweep(const std::function<void(const std::string&, const RunFile&)>& write) {
  for (int size = 0; size < 5; ++size) {
    for (int length = 0; length < 3; ++length) {
      RunFile run = sample_segment("r" + std::to_string(size * 3 + length), 0, 0, 100 << length);
      run.state = RunState::done;
      run.header.config.n_params = int64_t{10000} << size;
      run.header.config.tokenizer = "bytes";
      run.header.config.vocab_size = 272;
      const double loss =
          1 + 20 / std::pow(10000 << size, 0.3) + 30 / std::pow(10000 << length, 0.35);
      run.evals = {sample_eval(100 << length, loss)};
      write(run.header.identity.run_id + ".s000.h5", run);
    }
  }
}

TEST_F(ReportProgram, fit_writes_the_law_of_a_sweep_for_the_planner) {
  write_sweep([this](const std::string& name, const RunFile& run) { write_run(name, run); });
  const Outcome outcome = report("fit *.h5 --bootstrap 100 --out law.yaml");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("15 runs: last validation loss"));
  const ScalingLaw law = load_law((folder_ / "law.yaml").string());
  EXPECT_EQ(law.tokenizer.name, "bytes");
  const auto& form = std::get<ChinchillaForm>(law.form);
  EXPECT_NEAR(form.E, 1, 1e-3);
  EXPECT_NEAR(form.alpha, 0.3, 1e-3);
  EXPECT_NEAR(form.beta, 0.35, 1e-3);
  EXPECT_NEAR(form.A, 20, 0.1);
  EXPECT_NEAR(form.B, 30, 0.2);
}

TEST_F(ReportProgram, an_unreliable_fit_says_why_and_writes_its_law_only_when_forced) {
  std::ofstream(folder_ / "few.csv") << "N,D,loss\n1e6,2e7,4\n2e6,2e7,3.9\n4e6,1e8,3.5\n";
  const std::string command =
      "fit few.csv --bootstrap 50 --tokenizer x --vocab-size 9 --out l.yaml";
  const Outcome outcome = report(command);
  EXPECT_EQ(outcome.exit_code, 10);
  EXPECT_THAT(outcome.err, HasSubstr("UNRELIABLE: 3 runs (at least 8 are needed)"));
  EXPECT_THAT(outcome.out, HasSubstr("UNRELIABLE: 2 different D (at least 3 are needed)"));
  EXPECT_FALSE(fs::exists(folder_ / "l.yaml"));
  EXPECT_EQ(report(command + " --force").exit_code, 10);
  EXPECT_THAT(contents(folder_ / "l.yaml"),
              HasSubstr("title: UNRELIABLE fit of 3 points from few"));
}

// sample_segment's training losses do not depend on the size: no curve is lowest between others.
TEST_F(ReportProgram, fit_shows_the_exponents_of_each_approach_that_the_runs_allow) {
  write_sweep([this](const std::string& name, const RunFile& run) { write_run(name, run); });
  const Outcome all = report("fit *.h5 --bootstrap 50 --format csv");
  EXPECT_EQ(all.exit_code, 0) << all.err;
  EXPECT_THAT(all.out, HasSubstr("# no approach 1: at no two values of compute is the lowest run"));
  EXPECT_THAT(all.out, HasSubstr("\n3,parametric law,0.53"));  // 0.35 / 0.65
  EXPECT_THAT(all.out, HasSubstr("# no approach 2: 2 budgets"));
  const Outcome second = report("fit *.h5 --approach 2");
  EXPECT_EQ(second.exit_code, 10);
  EXPECT_THAT(second.err, HasSubstr("UNRELIABLE: 2 budgets whose parabola has its minimum"));
  EXPECT_EQ(report("fit *.h5 --approach 2 --out law.yaml").exit_code, 2);
  EXPECT_EQ(report("fit *.h5 --approach 4").exit_code, 2);
}

TEST_F(ReportProgram, a_data_constrained_fit_needs_repeated_tokens) {
  std::ofstream(folder_ / "u.csv") << "N,D,U,loss\n1e6,2e7,2e7,4\n2e6,4e7,4e7,3.9\n";
  const Outcome outcome = report("fit u.csv --form data_constrained");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("no row has U below D"));
  std::ofstream(folder_ / "v.csv") << "N,D,U,loss\n1e6,2e7,1e7,4\n2e6,4e7,2e7,3.9\n";
  EXPECT_THAT(report("fit v.csv --form data_constrained --bootstrap 0").out,
              HasSubstr("D' = U + U R"));
  std::ofstream(folder_ / "w.csv") << "N,D,U,loss\n1e6,2e7,3e7,4\n";
  EXPECT_THAT(report("fit w.csv").err, HasSubstr("w.csv:2: U is 3e+07 (more than D, 2e+07)"));
}

TEST_F(ReportProgram, fit_draws_what_it_fitted) {
  write_sweep([this](const std::string& name, const RunFile& run) { write_run(name, run); });
  const Outcome outcome = report("fit *.h5 --bootstrap 50 --plot fit.svg");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(contents(folder_ / "fit.svg"), HasSubstr("measured over fitted loss"));
  EXPECT_THAT(contents(folder_ / "fit.gp"), HasSubstr("set output 'fit.svg'"));
  EXPECT_EQ(report("fit *.h5 --bootstrap 50 --plot fit.png").exit_code, 0);
  EXPECT_THAT(contents(folder_ / "fit.png"), ::testing::StartsWith("\x89PNG"));
  EXPECT_EQ(report("fit *.h5 --plot fit.pdf").exit_code, 2);
  EXPECT_EQ(report("fit *.h5 --approach 1 --plot fit.svg").exit_code, 2);
}

TEST_F(ReportProgram, fit_names_what_it_cannot_use) {
  std::ofstream(folder_ / "t.csv") << "N,D,loss\n1e6,2e7,4\n";
  const Outcome no_tokenizer = report("fit t.csv --out l.yaml");
  EXPECT_EQ(no_tokenizer.exit_code, 2);
  EXPECT_THAT(no_tokenizer.err, HasSubstr("--out needs --tokenizer and --vocab-size"));
  write_run("p.h5", sample_segment("p", 0, 0, 10));
  const Outcome partial = report("fit p.h5");
  EXPECT_EQ(partial.exit_code, 3);
  EXPECT_THAT(partial.err,
              HasSubstr("no run with a loss to fit (1 left out: p: PARTIAL (running)"));
  EXPECT_THAT(report("fit p.h5 --partial --params non_embedding").err,
              HasSubstr("--params is non_embedding (the N of run files counts all"));
  EXPECT_EQ(report("fit none.csv").exit_code, 3);
  EXPECT_EQ(report("fit").exit_code, 2);
}

TEST_F(ReportProgram, plots_are_drawn_into_a_folder_as_svg_and_png) {
  write_run("a.h5", sample_segment("a", 0, 0, 100));
  const Outcome outcome = report("a.h5 --plots drawn/here");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "drew 2 plots, each as .svg and .png, into drawn/here\n");
  for (const std::string name : {"loss", "mfu"}) {
    EXPECT_THAT(contents(folder_ / "drawn/here" / (name + ".svg")), HasSubstr("<svg"));
    EXPECT_THAT(contents(folder_ / "drawn/here" / (name + ".png")),
                ::testing::StartsWith("\x89PNG"));
  }
  EXPECT_EQ(report("a.h5 --plots a.h5/x").exit_code, 3);
  EXPECT_EQ(report("a.h5 --plots x --html y").exit_code, 2);
}

TEST_F(ReportProgram, no_file_is_a_usage_error) {
  const Outcome outcome = report("");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("report: error: FILE is required; see report --help"));
}

}  // namespace
}  // namespace isoflop
