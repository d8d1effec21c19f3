// SPDX-License-Identifier: MIT
#include "rules/cuda_rules.hpp"

#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace isoflop::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// A source tree of one planted file.
class CudaRules : public testing::Test {
 protected:
  std::vector<std::string> problems_of(const std::string& file, const std::string& text) const {
    const std::filesystem::path path = dir_ / ("src/trainer/" + file);
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
    const std::vector<std::string> problems = find_forbidden_cuda(dir_.path());
    std::filesystem::remove(path);
    return problems;
  }
  TempDir dir_;
};

TEST_F(CudaRules, hold_in_this_source_tree) {
  EXPECT_THAT(find_forbidden_cuda(ISOFLOP_SOURCE_DIR), IsEmpty());
}

TEST_F(CudaRules, find_a_planted_violation_with_file_and_line) {
  EXPECT_THAT(problems_of("backend/cuda/a.cu", "\nvoid f() {\n  kernel<<<1, 2>>>();\n}\n"),
              ElementsAre("src/trainer/backend/cuda/a.cu:3: '<<<' has no place here (kernels are "
                          "started by gpu::launch)"));
}

TEST_F(CudaRules, find_each_kind_of_violation) {
  for (const char* const code :
       {"cudaLaunchKernel(f, 1, 1, nullptr, 0, s);", "cudaLaunchKernelEx(&c, f);",
        "asm(\"bar.sync 0;\");", "asm volatile (\"\");", "#if __CUDA_ARCH__ >= 900",
        "#ifdef __CUDACC__", "__shared__ float a[4];", "atomicAdd(p, 1.0f);",
        "__global__ void f() {}", "__global__ static void f() {}", "cudaMalloc(&p, 1);",
        "cudaMallocAsync(&p, 1, s);", "cudaFreeAsync(p, s);", "cudaDeviceSynchronize();",
        "cudaStreamSynchronize(s);", "cudaEventSynchronize(e);"}) {
    EXPECT_EQ(problems_of("backend/cuda/a.cu", code).size(), 1u) << code;
    EXPECT_EQ(problems_of("session.cpp", code).size(), 1u) << code;
  }
}

TEST_F(CudaRules, the_launch_seam_and_the_device_may_do_their_own) {
  for (const char* const code : {"cudaLaunchKernelEx(&c, f);", "#ifdef __CUDACC__",
                                 "extern __shared__ unsigned char memory[];"})
    EXPECT_THAT(problems_of("backend/cuda/launch.cuh", code), IsEmpty()) << code;
  for (const char* const code : {"cudaMallocHost(&p, 1);", "cudaEventSynchronize(e);"})
    EXPECT_THAT(problems_of("backend/cuda/cuda_device.cpp", code), IsEmpty()) << code;
}

TEST_F(CudaRules, allow_what_only_looks_alike) {
  for (const char* const code :
       {"__global__ void __launch_bounds__(kThreads) f() {}", "a << b", "std::atomic<int> n;",
        "x = 1;  // no <<< here", "/* asm(\n __shared__ */ int a;", "say(\"cudaMalloc failed\");",
        "cudaMemcpyAsync(a, b, 1, k, s);", "int plasma = 1'000;  // atomicAdd"})
    EXPECT_THAT(problems_of("backend/cuda/a.cu", code), IsEmpty()) << code;
}

TEST(BlankCommentsAndLiterals, keeps_lines_and_code) {
  EXPECT_EQ(blank_comments_and_literals("a /* b\nc */ d // e\nf"), "a     \n     d     \nf");
  EXPECT_EQ(blank_comments_and_literals("f(\"a\\\"b\", '\"', 1'000)"), "f(      ,    , 1'000)");
  EXPECT_EQ(blank_comments_and_literals("\"open"), "     ");
}

}  // namespace
}  // namespace isoflop::test
