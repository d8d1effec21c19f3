# SPDX-License-Identifier: MIT
# Target isoflop_kokkos: a site's Kokkos when find_package gives a usable one, else Debian's libtrilinos-kokkos-dev.
# Debian's own CMake config names a folder that does not exist, so only a config outside /usr/lib is trusted.

set(ISOFLOP_KOKKOS_VERSION "")
if(NOT EXISTS /usr/include/trilinos/Kokkos_Core.hpp OR Kokkos_ROOT OR DEFINED ENV{Kokkos_ROOT})
  find_package(Kokkos QUIET CONFIG)
  if(TARGET Kokkos::kokkos)
    add_library(isoflop_kokkos INTERFACE)
    target_link_libraries(isoflop_kokkos INTERFACE Kokkos::kokkos)
    set(ISOFLOP_KOKKOS_VERSION "${Kokkos_VERSION}")
    set(ISOFLOP_KOKKOS_ORIGIN "the site's package")
  endif()
endif()

if(NOT TARGET isoflop_kokkos)
  find_path(ISOFLOP_KOKKOS_INCLUDE Kokkos_Core.hpp PATH_SUFFIXES trilinos)
  find_library(ISOFLOP_KOKKOS_LIBRARY NAMES trilinos_kokkoscore kokkoscore)
  if(NOT ISOFLOP_KOKKOS_INCLUDE OR NOT ISOFLOP_KOKKOS_LIBRARY)
    message(FATAL_ERROR "Kokkos was not found. On Debian run scripts/setup.sh (libtrilinos-kokkos-dev); on a cluster load "
      "its module or `spack install kokkos`, then set Kokkos_ROOT.")
  endif()
  file(STRINGS ${ISOFLOP_KOKKOS_INCLUDE}/KokkosCore_config.h kokkos_version_line REGEX "define KOKKOS_VERSION ")
  string(REGEX MATCH "[0-9]+" kokkos_number "${kokkos_version_line}")
  math(EXPR kokkos_major "${kokkos_number} / 10000")
  math(EXPR kokkos_minor "${kokkos_number} / 100 % 100")
  add_library(isoflop_kokkos INTERFACE)
  target_include_directories(isoflop_kokkos SYSTEM INTERFACE ${ISOFLOP_KOKKOS_INCLUDE})
  target_link_libraries(isoflop_kokkos INTERFACE ${ISOFLOP_KOKKOS_LIBRARY} ${CMAKE_DL_LIBS})
  set(ISOFLOP_KOKKOS_VERSION "${kokkos_major}.${kokkos_minor}")
  set(ISOFLOP_KOKKOS_ORIGIN "Debian's Trilinos build, Serial")
endif()
