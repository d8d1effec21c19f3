// SPDX-License-Identifier: MIT
#include <Kokkos_Core.hpp>
#include <gtest/gtest.h>

namespace {

/// Kokkos for all tests of the program, as report's main sets it up.
class KokkosEnvironment : public ::testing::Environment {
 public:
  void SetUp() override { Kokkos::initialize(); }
  void TearDown() override { Kokkos::finalize(); }
};

// GoogleTest owns and deletes it.
[[maybe_unused]] const auto* const kEnvironment =
    ::testing::AddGlobalTestEnvironment(new KokkosEnvironment);

}  // namespace
