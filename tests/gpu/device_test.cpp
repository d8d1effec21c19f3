// SPDX-License-Identifier: MIT
// What the catalogue says of a GPU against the GPU itself, and what cuDNN knows of it: the
// attention plans that are tested without a GPU (tests/trainer/backend/cuda/deviceless) are built
// for descriptions of that form.
#include "core/base/text_file.hpp"
#include "core/hardware/gpu_catalog.hpp"
#include "gpu/gpu_launch.hpp"
#include "trainer/backend/backend.hpp"
#include "trainer/backend/cuda/cudnn_descriptor.hpp"
#include "trainer/bench/machine_rates.hpp"

#include <cuda_runtime.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace isoflop {
namespace {

class GpuDevice : public testing::Test {
 protected:
  Backend backend_ = make_cuda_backend({.local_rank = test::gpu_launch().info().local_rank});
  std::optional<DeviceSpec> spec_ = GpuCatalog::load().find_device(backend_.gpu_name);
};

TEST_F(GpuDevice, is_what_the_catalogue_says) {
  if (!spec_) GTEST_SKIP() << "data/gpus.yaml has no " << backend_.gpu_name;
  const int sm = backend_.gpu->sm_version;
  EXPECT_EQ(spec_->compute_capability, fmt::format("{}.{}", sm / 10, sm % 10));
  EXPECT_NEAR(static_cast<double>(backend_.gpu_facts->total_bytes) / spec_->mem_bytes(), 1, 0.03);
}

/// Above the peak the peak is wrong, far below it the clock is held down or somebody else computes.
TEST_F(GpuDevice, multiplies_at_a_rate_between_half_and_all_of_its_peak) {
  if (!spec_) GTEST_SKIP() << "data/gpus.yaml has no " << backend_.gpu_name;
  const double peak = spec_->require_peak_dense_tflops(Precision::bf16);
  const double rate = large_matmul_tflops(backend_, rate_sizes(backend_));
  EXPECT_GE(rate, 0.5 * peak);
  EXPECT_LE(rate, peak);
}

/// Into the folder ISOFLOP_GPU_DUMP, where that is set.
TEST_F(GpuDevice, has_properties_that_cudnn_describes) {
  int ordinal = 0;
  ASSERT_EQ(cudaGetDevice(&ordinal), cudaSuccess);
  CudnnDescriptor properties(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  properties.set(CUDNN_ATTR_DEVICEPROP_DEVICE_ID, static_cast<int64_t>(ordinal));
  properties.finalize();
  const std::string json = properties.text(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION);
  EXPECT_NE(json.find("\"deviceVer\""), std::string::npos) << json;
  if (const char* const folder = std::getenv("ISOFLOP_GPU_DUMP"))
    write_text_file(std::filesystem::path(folder) / (backend_.gpu_name + ".json"), json);
}

}  // namespace
}  // namespace isoflop
