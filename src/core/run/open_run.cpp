// SPDX-License-Identifier: MIT
#include "core/run/open_run.hpp"

namespace isoflop {

Hdf5Handle open_run(const std::filesystem::path& path, const Superblock& superblock) {
  // A live reader that meets a half-written object tries again, waiting twice as long each time: 25
  // times take 30 ms, the library's 100 would take for ever.
  constexpr unsigned kReadAttempts = 25;
  prepare_hdf5();
  const Hdf5Handle access = run_file_access();
  hdf5_checked(H5Pset_metadata_read_attempts(access.get(), kReadAttempts));
  const unsigned live = superblock.open_for_live_reads ? H5F_ACC_SWMR_READ : 0U;
  return Hdf5Handle(H5Fopen(path.c_str(), H5F_ACC_RDONLY | live, access.get()));
}

Hdf5Handle open_run(const std::filesystem::path& path) {
  const std::optional<Superblock> superblock = read_superblock(path);
  if (!superblock) throw Hdf5Error("no HDF5 file any more");
  return open_run(path, *superblock);
}

}  // namespace isoflop
