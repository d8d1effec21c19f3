// SPDX-License-Identifier: MIT
#pragma once

#include <hdf5.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace isoflop {

/// A call of the HDF5 library failed; what() is its reason ("No space left on device").
struct Hdf5Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The library's own account of the failure that just happened: the system's message where there
/// is one, else its innermost description.
std::string hdf5_reason();

/// To be called before the first use of the library. Silences its own error printing, since every
/// failure is thrown, and its clean-up at exit, which crashes when a file could not be written
/// (1.10.8); handles close what they own.
void prepare_hdf5();

/// Returns the value of an HDF5 call (id, size or status). Throws Hdf5Error when it is negative.
template <typename T>
T hdf5_checked(T result) {
  if (result < 0) throw Hdf5Error(hdf5_reason());
  return result;
}

/// Owns one reference to an HDF5 object of any kind.
class Hdf5Handle {
 public:
  Hdf5Handle() = default;
  /// Takes over the result of an HDF5 call. Throws Hdf5Error when it is negative.
  explicit Hdf5Handle(hid_t id) : id_(hdf5_checked(id)) {}
  Hdf5Handle(const Hdf5Handle&) = delete;
  Hdf5Handle& operator=(const Hdf5Handle&) = delete;
  Hdf5Handle(Hdf5Handle&& other) noexcept : id_(std::exchange(other.id_, H5I_INVALID_HID)) {}
  Hdf5Handle& operator=(Hdf5Handle&& other) noexcept {
    std::swap(id_, other.id_);
    return *this;
  }
  ~Hdf5Handle() {
    if (id_ >= 0) H5Idec_ref(id_);
  }

  hid_t get() const { return id_; }
  explicit operator bool() const { return id_ >= 0; }
  /// Gives the id up without closing it.
  hid_t release() { return std::exchange(id_, H5I_INVALID_HID); }

 private:
  hid_t id_ = H5I_INVALID_HID;
};

/// Access properties of every run file: fixed on-disk versions (1.10), no file locks (Lustre
/// mounted without flock refuses them).
Hdf5Handle run_file_access();

}  // namespace isoflop
