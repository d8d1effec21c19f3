// SPDX-License-Identifier: MIT
#include "core/run/hdf5_handle.hpp"

#include <string_view>

namespace isoflop {
namespace {

/// Keeps the innermost description, and the text of "error message = '...'" where one has it.
herr_t keep_reason(unsigned, const H5E_error2_t* error, void* data) {
  auto& reason = *static_cast<std::string*>(data);
  const std::string_view description = error->desc == nullptr ? "" : error->desc;
  constexpr std::string_view kMark = "error message = '";
  const auto mark = description.find(kMark);
  if (mark == std::string_view::npos) {
    if (reason.empty()) reason = description;
    return 0;
  }
  const std::string_view message = description.substr(mark + kMark.size());
  reason = message.substr(0, message.find('\''));
  return 1;
}

}  // namespace

std::string hdf5_reason() {
  std::string reason;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_reason, &reason);
  H5Eclear2(H5E_DEFAULT);
  return reason.empty() ? "the HDF5 library gives no reason" : reason;
}

void prepare_hdf5() {
  H5dont_atexit();  // no effect after the first use of the library
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

Hdf5Handle run_file_access() {
  Hdf5Handle access(H5Pcreate(H5P_FILE_ACCESS));
  hdf5_checked(H5Pset_libver_bounds(access.get(), H5F_LIBVER_V110, H5F_LIBVER_V110));
  hdf5_checked(H5Pset_file_locking(access.get(), false, true));
  return access;
}

}  // namespace isoflop
