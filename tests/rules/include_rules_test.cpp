// SPDX-License-Identifier: MIT
#include "rules/include_rules.hpp"

#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace isoflop::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// A source tree of planted files.
class IncludeRules : public testing::Test {
 protected:
  void plant(const std::string& file, const std::string& text) const {
    std::filesystem::create_directories((dir_ / file).parent_path());
    std::ofstream(dir_ / file) << text;
  }
  /// The problems of one file with one include of an existing header.
  std::vector<std::string> problems_of(const std::string& file, const std::string& header) const {
    plant("src/" + header, "");
    plant("src/" + file, "#include \"" + header + "\"\n");
    const std::vector<std::string> problems = find_forbidden_includes(dir_.path());
    std::filesystem::remove(dir_ / ("src/" + file));
    return problems;
  }
  std::vector<std::string> problems_of_library(const std::string& file,
                                               const std::string& header) const {
    plant("src/" + file, "#include <" + header + ">\n");
    const std::vector<std::string> problems = find_forbidden_includes(dir_.path());
    std::filesystem::remove(dir_ / ("src/" + file));
    return problems;
  }

  TempDir dir_;
};

TEST_F(IncludeRules, hold_in_this_source_tree) {
  EXPECT_THAT(find_forbidden_includes(ISOFLOP_SOURCE_DIR), IsEmpty());
}

TEST_F(IncludeRules, find_a_planted_violation_with_file_and_line) {
  plant("src/core/run/run.hpp", "");
  plant("src/core/base/log.hpp", "#pragma once\n\n  #  include \"core/run/run.hpp\"  // why\n");
  EXPECT_THAT(find_forbidden_includes(dir_.path()),
              ElementsAre("src/core/base/log.hpp:3: core/base may not include "
                          "\"core/run/run.hpp\""));
}

TEST_F(IncludeRules, programs_include_core_and_never_each_other) {
  EXPECT_THAT(problems_of("planner/a.cpp", "core/scaling/law.hpp"), IsEmpty());
  EXPECT_THAT(problems_of("planner/a.cpp", "planner/b.hpp"), IsEmpty());
  for (const std::string program : {"planner", "tokenize", "trainer", "report"}) {
    for (const std::string other : {"planner", "tokenize", "trainer", "report"}) {
      const auto problems = problems_of(program + "/a.cpp", other + "/b.hpp");
      EXPECT_EQ(problems.empty(), program == other) << program << " includes " << other;
    }
    EXPECT_EQ(problems_of("core/model/a.cpp", program + "/b.hpp").size(), 1u) << program;
  }
}

TEST_F(IncludeRules, core_parts_build_on_each_other_in_one_direction) {
  EXPECT_THAT(problems_of("core/parallel/a.cpp", "core/hardware/b.hpp"), IsEmpty());
  EXPECT_EQ(problems_of("core/hardware/a.cpp", "core/parallel/b.hpp").size(), 1u);
  EXPECT_EQ(problems_of("core/scaling/a.cpp", "core/model/b.hpp").size(), 1u);
  EXPECT_EQ(problems_of("core/data/a.cpp", "core/model/b.hpp").size(), 1u);
  EXPECT_EQ(problems_of("core/run/a.cpp", "core/data/b.hpp").size(), 1u);
}

TEST_F(IncludeRules, trainer_parts_build_on_each_other_in_one_direction) {
  EXPECT_THAT(problems_of("trainer/fsdp/a.cpp", "trainer/comm/b.hpp"), IsEmpty());
  EXPECT_THAT(problems_of("trainer/session.cpp", "trainer/optim/b.hpp"), IsEmpty());
  EXPECT_EQ(problems_of("trainer/model/a.cpp", "trainer/comm/b.hpp").size(), 1u);
  EXPECT_EQ(problems_of("trainer/backend/a.cpp", "trainer/model/b.hpp").size(), 1u);
  EXPECT_EQ(problems_of("trainer/backend/cpu/a.cpp", "trainer/model/b.hpp").size(), 1u);
  EXPECT_EQ(problems_of("trainer/tensor/a.cpp", "trainer/backend/b.hpp").size(), 1u);
  EXPECT_EQ(problems_of("trainer/data/a.cpp", "trainer/comm/b.hpp").size(), 1u);
}

TEST_F(IncludeRules, library_headers_stay_where_they_are_wrapped) {
  struct Case {
    const char* header;
    const char* allowed_file;
    const char* forbidden_file;
  };
  for (const Case& item : {
           Case{"cuda_runtime.h", "trainer/backend/cuda/a.cu", "trainer/backend/cpu/a.cpp"},
           Case{"cublasLt.h", "trainer/backend/cuda/a.cu", "trainer/backend/a.cpp"},
           Case{"cudnn.h", "trainer/comm/nccl_a.cpp", "trainer/comm/self.cpp"},
           Case{"nccl.h", "trainer/comm/nccl_a.cpp", "trainer/backend/cuda/a.cu"},
           Case{"mpi.h", "trainer/comm/mpi_a.cpp", "trainer/comm/self.cpp"},
           Case{"mpi.h", "trainer/comm/nccl_collectives.cpp", "core/base/a.cpp"},
           Case{"hdf5.h", "core/run/a.cpp", "core/run/a.hpp"},
           Case{"hdf5.h", "core/run/hdf5_handle.hpp", "report/a.cpp"},
           Case{"yaml-cpp/yaml.h", "core/base/a.cpp", "core/data/a.cpp"},
           Case{"nlohmann/json.hpp", "core/base/a.cpp", "planner/a.cpp"},
           Case{"Kokkos_Core.hpp", "report/fit/a.cpp", "report/table/a.cpp"},
           Case{"Kokkos_Core.hpp", "report/main.cpp", "core/scaling/a.cpp"},
           Case{"spdlog/spdlog.h", "core/base/log.cpp", "core/base/a.cpp"},
       }) {
    EXPECT_THAT(problems_of_library(item.allowed_file, item.header), IsEmpty()) << item.header;
    EXPECT_EQ(problems_of_library(item.forbidden_file, item.header).size(), 1u) << item.header;
  }
}

TEST_F(IncludeRules, cuda_code_stays_with_cuda_code) {
  const std::string header = "trainer/backend/cuda/launch.cuh";
  EXPECT_THAT(problems_of("trainer/backend/cuda/a.cu", header), IsEmpty());
  EXPECT_THAT(problems_of("trainer/backend/cuda/a.cuh", header), IsEmpty());
  for (const char* const file :
       {"trainer/backend/cuda/a.cpp", "trainer/backend/a.cpp", "trainer/comm/nccl_a.cpp"})
    EXPECT_EQ(problems_of(file, header).size(), 1u) << file;
}

TEST_F(IncludeRules, libraries_of_kernels_are_allowed_nowhere) {
  for (const char* const header : {"cub/cub.cuh", "thrust/sort.h", "curand_kernel.h"})
    EXPECT_FALSE(problems_of_library("trainer/backend/cuda/a.cu", header).empty()) << header;
}

TEST_F(IncludeRules, the_emulation_is_for_tests_only) {
  plant("tests/emulation/emulation.hpp", "");
  plant("tests/a_test.cpp", "#include \"emulation/emulation.hpp\"\n");
  EXPECT_THAT(find_forbidden_includes(dir_.path()), IsEmpty());
  plant("src/trainer/session.cpp", "#include \"emulation/emulation.hpp\"\n");
  EXPECT_EQ(find_forbidden_includes(dir_.path()).size(), 1u);
}

TEST_F(IncludeRules, quotes_or_brackets_make_no_difference) {
  plant("src/trainer/a.cpp", "#include \"mpi.h\"\n");
  plant("src/planner/b.hpp", "");
  plant("src/report/a.cpp", "#include <planner/b.hpp>\n");
  EXPECT_EQ(find_forbidden_includes(dir_.path()).size(), 2u);
}

TEST_F(IncludeRules, includes_stay_inside_the_tree) {
  plant("src/core/base/a.cpp", "#include \"../../../shared/a.hpp\"\n");
  plant("tests/a_test.cpp", "#include \"/opt/a.hpp\"\n");
  plant("tests/core/b_test.cpp", "#include \"../support.hpp\"\n");
  EXPECT_THAT(find_forbidden_includes(dir_.path()),
              ElementsAre("src/core/base/a.cpp:1: \"../../../shared/a.hpp\" leaves the tree",
                          "tests/a_test.cpp:1: \"/opt/a.hpp\" leaves the tree"));
}

TEST_F(IncludeRules, a_header_that_is_not_there_is_named) {
  plant("src/core/base/a.cpp", "#include \"log.hpp\"\n");
  EXPECT_THAT(find_forbidden_includes(dir_.path()),
              ElementsAre("src/core/base/a.cpp:1: \"log.hpp\" is not a file under src/; include "
                          "by the path from src/"));
}

TEST_F(IncludeRules, sources_are_included_by_their_path_from_src) {
  plant("src/core/base/log.hpp", "");
  plant("src/core/run/a.cpp", "#include \"../base/log.hpp\"\n");
  EXPECT_EQ(find_forbidden_includes(dir_.path()).size(), 1u);
}

TEST_F(IncludeRules, a_folder_without_a_rule_is_named) {
  EXPECT_THAT(problems_of("core/newpart/a.cpp", "core/base/b.hpp"),
              ElementsAre("src/core/newpart/a.cpp:1: its folder has no rule; add one to "
                          "tests/rules/include_rules.cpp"));
}

}  // namespace
}  // namespace isoflop::test
