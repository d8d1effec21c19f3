// SPDX-License-Identifier: MIT
#include "report/options.hpp"

#include "core/base/error.hpp"

#include <gmock/gmock.h>

namespace isoflop {
namespace {

std::optional<ReportOptions> parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "report");
  return parse_options(static_cast<int>(arguments.size()), arguments.data());
}

TEST(ReportCommandLine, files_format_and_table_are_read) {
  const auto options = parse({"a.h5", "b.h5", "--format", "csv", "--table", "runs"});
  ASSERT_TRUE(options.has_value());
  EXPECT_EQ(options->files.size(), 2U);
  EXPECT_EQ(options->format, ReportFormat::csv);
  EXPECT_EQ(options->table, "runs");
}

TEST(ReportCommandLine, text_is_the_default) {
  EXPECT_EQ(parse({"a.h5"})->format, ReportFormat::text);
}

TEST(ReportCommandLine, export_takes_files_a_format_and_a_file_to_write) {
  const auto options = parse({"export", "a.s000.h5", "a.s001.h5", "--json", "--out", "a.json"});
  ASSERT_TRUE(options.has_value());
  EXPECT_EQ(options->action, ReportAction::export_run);
  EXPECT_EQ(options->files.size(), 2U);
  EXPECT_EQ(options->out, "a.json");
}

TEST(ReportCommandLine, export_without_a_format_or_a_file_is_a_usage_error) {
  EXPECT_THROW(parse({"export", "a.h5"}), ConfigError);
  EXPECT_THROW(parse({"export", "--json"}), ConfigError);
}

TEST(ReportCommandLine, no_file_is_a_usage_error) { EXPECT_THROW(parse({}), ConfigError); }

TEST(ReportCommandLine, unknown_words_are_usage_errors_that_list_the_known_ones) {
  try {
    parse({"a.h5", "--format", "html"});
    FAIL() << "accepted";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(),
                ::testing::HasSubstr("--format is 'html' (must be one of csv, json, md, text)"));
  }
  EXPECT_THROW(parse({"a.h5", "--table", "x"}), ConfigError);
  EXPECT_THROW(parse({"a.h5", "--wrong"}), ConfigError);
}

}  // namespace
}  // namespace isoflop
