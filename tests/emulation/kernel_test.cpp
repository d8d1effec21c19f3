// SPDX-License-Identifier: MIT
#include "emulation/kernel_test.hpp"

#include <cstring>
#include <stdexcept>

namespace isoflop::emulation {
namespace {

void require(cudaError_t status) {
  if (status != cudaSuccess) throw std::logic_error(cudaGetErrorString(status));
}

}  // namespace

TestGpu::TestGpu() {
  require(cudaSetDevice(current_rank()));
  require(cudaStreamCreateWithPriority(&stream_, cudaStreamNonBlocking, 0));
  cudaMemPoolProps properties{};
  properties.allocType = cudaMemAllocationTypePinned;
  properties.location = {cudaMemLocationTypeDevice, current_rank()};
  require(cudaMemPoolCreate(&pool_, &properties));
}

TestGpu::~TestGpu() {
  for (void* memory : device_) cudaFreeAsync(memory, stream_);
  cudaStreamSynchronize(stream_);
  for (void* memory : pinned_) cudaFreeHost(memory);
  cudaMemPoolDestroy(pool_);
  cudaStreamDestroy(stream_);
}

void* TestGpu::pinned(std::size_t bytes) {
  void* memory = nullptr;
  require(cudaMallocHost(&memory, bytes));
  pinned_.push_back(memory);
  return memory;
}

void* TestGpu::upload(const void* data, std::size_t bytes) {
  void* host = pinned(bytes);
  std::memcpy(host, data, bytes);
  void* device = nullptr;
  require(cudaMallocFromPoolAsync(&device, bytes, pool_, stream_));
  device_.push_back(device);
  require(cudaMemcpyAsync(device, host, bytes, cudaMemcpyDefault, stream_));
  return device;
}

void TestGpu::download(void* out, const void* device, std::size_t bytes) {
  void* host = pinned(bytes);
  require(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDefault, stream_));
  require(cudaStreamSynchronize(stream_));
  std::memcpy(out, host, bytes);
}

std::string findings_of(const Options& options, const std::function<void(TestGpu&)>& body) {
  try {
    run_ranks(options, [&body](int) {
      TestGpu gpu;
      body(gpu);
    });
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return {};
}

std::string findings_of(const std::function<void(TestGpu&)>& body) {
  return findings_of(Options{}, body);
}

}  // namespace isoflop::emulation
