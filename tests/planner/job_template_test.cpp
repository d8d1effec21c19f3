// SPDX-License-Identifier: MIT
#include "planner/job_template.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"

namespace isoflop {
namespace {

using kainjow::mustache::data;
using testing::HasSubstr;

class SiteTemplates : public testing::Test {
 protected:
  std::string render(const std::string& text, const data& values) {
    write_text_file(dir_ / "x.mustache", text);
    return JobTemplates(dir_.path()).render("x", values);
  }
  std::string complaint(const std::string& text) {
    return test::message_of<ConfigError>([&] { render(text, data()); });
  }
  test::TempDir dir_;
};

data one(const std::string& name, const std::string& value) {
  data values;
  values.set(name, value);
  return values;
}

TEST_F(SiteTemplates, quote_two_braces_and_leave_three) {
  EXPECT_EQ(render("echo {{plan}} {{{plan}}}\n", one("plan", "a b;c")), "echo 'a b;c' a b;c\n");
}

TEST_F(SiteTemplates, an_unfilled_placeholder_is_an_error) {
  EXPECT_THAT(complaint("--mem={{{mem}}}\n"), HasSubstr("no value for 'mem'"));
  EXPECT_THAT(complaint("--mem={{mem}}\n"), HasSubstr("put it between {{#mem}} and {{/mem}}"));
  EXPECT_EQ(render("{{#mem}}\n--mem={{{mem}}}\n{{/mem}}\nx\n", data()), "x\n");
}

TEST_F(SiteTemplates, an_unknown_placeholder_is_an_error) {
  EXPECT_THAT(complaint("{{#memm}}x{{/memm}}\n"), HasSubstr("no value is called 'memm' (did you"));
  EXPECT_THAT(complaint("{{stepz}}\n"), HasSubstr("'stepz'"));
}

TEST_F(SiteTemplates, sections_leave_no_blank_lines) {
  data values = one("mem", "1");
  EXPECT_EQ(render("a\n{{#mem}}\nb\n{{/mem}}\n{{#time}}\nc\n{{/time}}\nd\n", values), "a\nb\nd\n");
}

TEST_F(SiteTemplates, replace_one_block_and_keep_the_others) {
  write_text_file(dir_ / "blocks" / "environment.mustache", "source /site/env.sh\n");
  write_text_file(dir_ / "blocks" / "own.mustache", "hello\n");
  const std::string text = render("{{>environment}}\n{{>own}}\n", data());
  EXPECT_THAT(text, HasSubstr("source /site/env.sh\n"));
}

TEST_F(SiteTemplates, blocks_that_contain_each_other_are_refused) {
  write_text_file(dir_ / "blocks" / "own.mustache", "{{>own}}\n");
  EXPECT_THAT(complaint("{{>own}}\n"), HasSubstr("contain each other"));
}

TEST_F(SiteTemplates, a_folder_that_is_none_is_named) {
  EXPECT_THROW(JobTemplates(dir_ / "missing"), FileError);
}

}  // namespace
}  // namespace isoflop
