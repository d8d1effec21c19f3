// SPDX-License-Identifier: MIT
#pragma once

#include <Kokkos_Core.hpp>

#include <span>
#include <string>

namespace isoflop::fit {

using Space = Kokkos::DefaultExecutionSpace;

/// A copy of host values where the default execution space can read them.
template <typename T>
Kokkos::View<T*, Space> to_device(const std::string& label, std::span<const T> values) {
  using Host = Kokkos::View<const T*, Kokkos::HostSpace, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;
  Kokkos::View<T*, Space> device(Kokkos::view_alloc(label, Kokkos::WithoutInitializing),
                                 values.size());
  Kokkos::deep_copy(device, Host(values.data(), values.size()));
  return device;
}

}  // namespace isoflop::fit
