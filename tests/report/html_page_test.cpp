// SPDX-License-Identifier: MIT
#include "report/html_page.hpp"

#include "core/run/segment_samples.hpp"
#include "report/run_plots.hpp"
#include "report/tables.hpp"

#include <gmock/gmock.h>

#include <algorithm>

namespace isoflop {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string page_of(std::vector<TrainingRun> runs) {
  RunSet set;
  set.runs = std::move(runs);
  set.skipped = {"bad<.h5: is empty"};
  std::vector<RunSummary> summaries;
  for (const TrainingRun& run : set.runs) summaries.push_back(summarize(run));
  const std::vector<Table> tables{runs_table(summaries)};
  return html_page(set, tables, prediction_table(set.runs, summaries));
}

TEST(HtmlPage, needs_nothing_from_elsewhere) {
  const std::string page = page_of({sample_run("a", 20)});
  for (const char* const reference : {"src=", "href=\"http", "@import", "url(http", "fetch("})
    EXPECT_THAT(page, Not(HasSubstr(reference)));
}

TEST(HtmlPage, cells_hold_the_number_in_full_beside_what_is_shown) {
  EXPECT_THAT(page_of({sample_run("a", 20)}),
              HasSubstr("<td class=\"n\" data-v=\"1000000\">1.00 M</td>"));
}

TEST(HtmlPage, partial_runs_and_problems_are_marked_and_escaped) {
  TrainingRun run = sample_run("a<b", 20);
  run.segments[0].state = RunState::failed;
  const std::string page = page_of({run});
  EXPECT_THAT(page, HasSubstr("<tr class=\"partial\"><td data-v=\"a&lt;b\">"));
  EXPECT_THAT(page, HasSubstr("<li>left out: bad&lt;.h5: is empty</li>"));
  EXPECT_THAT(page_of({sample_run("a", 20)}), Not(HasSubstr("<tr class=\"partial\">")));
}

TEST(HtmlPage, plots_are_drawn_inside) {
  const std::string page = page_of({sample_run("a", 20)});
  EXPECT_THAT(page, HasSubstr("<h2>Training loss</h2>\n<svg"));
  EXPECT_THAT(page, HasSubstr("<h2>MFU over time</h2>\n<svg"));
  EXPECT_THAT(page, Not(HasSubstr("Step time by phase")));  // not recorded
}

std::vector<std::string> titles_of(const TrainingRun& run) {
  const RunSummary summary = summarize(run);
  std::vector<std::string> titles;
  for (const RunPlot& plot :
       run_plots(std::span(&run, 1), prediction_table(std::span(&run, 1), std::span(&summary, 1))))
    titles.push_back(plot.title);
  return titles;
}

TEST(RunPlots, there_is_a_plot_of_all_that_was_recorded) {
  EXPECT_TRUE(titles_of(sample_run("a", 0)).empty());
  TrainingRun run = sample_run("a", 20);
  run.segments[0].header.prediction.step_s = 0.4;
  for (StepRecord& step : run.segments[0].steps.in_memory())
    step.forward_s = step.backward_s = 0.2F;
  EXPECT_EQ(titles_of(run),
            (std::vector<std::string>{"Training loss", "MFU over time", "Step time by phase",
                                      "Predicted against measured"}));
}

// 1,000 steps: means of three, the last of one alone.
TEST(RunPlots, long_curves_are_thinned_to_means) {
  const TrainingRun run = sample_run("a", 1000);
  const std::string script = run_plots(std::span(&run, 1), {}).front().script;
  EXPECT_THAT(script, HasSubstr("\n300 9.9799"));
  EXPECT_LT(std::count(script.begin(), script.end(), '\n'), 345);
}

TEST(RunPlots, more_runs_than_a_plot_holds_are_said) {
  const std::vector<TrainingRun> runs(kMaxPlottedRuns + 1, sample_run("a", 20));
  EXPECT_EQ(run_plots(runs, {}).front().title, "Training loss (the first 24 of 25 runs)");
}

TEST(RunPlots, a_plot_that_gnuplot_refuses_says_so) {
  const RunPlot plot{"x", "x", "no command\n"};
  EXPECT_THAT(draw_svg(std::span(&plot, 1)).front(), HasSubstr("<p>not drawn: gnuplot ended"));
}

}  // namespace
}  // namespace isoflop
