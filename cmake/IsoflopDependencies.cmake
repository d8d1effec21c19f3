# SPDX-License-Identifier: MIT
# Finds everything the project links. Required packages fail the configuration with what to do; optional ones fill the
# table that isoflop_print_configuration() prints.

set_property(GLOBAL PROPERTY ISOFLOP_PARTS "")

# isoflop_record_part(NAME FOUND VERSION EFFECT): one row of the table printed at the end of the configuration.
function(isoflop_record_part name found version effect)
  set_property(GLOBAL APPEND PROPERTY ISOFLOP_PARTS "${name}|${found}|${version}|${effect}")
endfunction()

# isoflop_require(PACKAGE args...): find_package that says how sites usually provide what is missing.
macro(isoflop_require package)
  find_package(${package} QUIET ${ARGN})
  if(NOT ${package}_FOUND)
    message(FATAL_ERROR "${package} was not found. On Debian run scripts/setup.sh; on a cluster load its module or "
      "install it with Spack (scripts/setup.sh --no-build lists the names), then set ${package}_ROOT.")
  endif()
endmacro()

isoflop_require(Threads)
isoflop_require(OpenMP COMPONENTS CXX)
isoflop_require(MPI COMPONENTS CXX)
isoflop_require(yaml-cpp)
isoflop_require(nlohmann_json)
isoflop_require(CLI11)
isoflop_require(spdlog)
isoflop_require(fmt)
isoflop_require(OneDNN)
find_path(ISOFLOP_MUSTACHE_INCLUDE_DIR kainjow/mustache.hpp)
if(NOT ISOFLOP_MUSTACHE_INCLUDE_DIR)
  message(FATAL_ERROR "kainjow/mustache.hpp was not found. On Debian run scripts/setup.sh (package libkainjow-mustache-dev); "
    "elsewhere copy that one header from github.com/kainjow/Mustache and set ISOFLOP_MUSTACHE_INCLUDE_DIR to the folder above it.")
endif()
set(HDF5_PREFER_PARALLEL OFF)
isoflop_require(HDF5 1.10.7 COMPONENTS C) # the first to open files without locks at will
isoflop_require(ZLIB)
isoflop_require(ZSTD)
isoflop_require(SentencePiece)
if(ISOFLOP_TESTS)
  isoflop_require(GTest)
endif()

# yaml-cpp 0.7 has a plain target, 0.8 a namespaced one.
if(NOT TARGET yaml-cpp::yaml-cpp)
  add_library(yaml-cpp::yaml-cpp ALIAS yaml-cpp)
endif()

include(IsoflopKokkos)

include(IsoflopCuda)

isoflop_record_part("MPI" YES "${MPI_CXX_VERSION}" "trainer on several ranks")
isoflop_record_part("oneDNN" YES "${OneDNN_VERSION}" "matrix products on CPUs")
isoflop_record_part("HDF5" YES "${HDF5_VERSION}" "run files")
isoflop_record_part("Kokkos" YES "${ISOFLOP_KOKKOS_VERSION}" "report's kernels (${ISOFLOP_KOKKOS_ORIGIN})")
isoflop_record_part("CUDA toolkit" "${ISOFLOP_HAVE_CUDA_TOOLKIT}" "${CUDAToolkit_VERSION}" "${ISOFLOP_CUDA_EFFECT}")
isoflop_record_part("cuDNN" "${CUDNN_FOUND}" "${CUDNN_VERSION}" "attention in bf16 and fp16 on GPUs")
isoflop_record_part("NCCL" "${NCCL_FOUND}" "${NCCL_VERSION}" "trainer on several GPUs")
if(ISOFLOP_TESTS)
  isoflop_record_part("Boost.Context" "${Boost_FOUND}" "${Boost_VERSION_STRING}" "${ISOFLOP_CUDA_EMULATION_EFFECT}")
endif()

# Prints the table of parts: name, found, version, effect.
function(isoflop_print_configuration)
  get_property(parts GLOBAL PROPERTY ISOFLOP_PARTS)
  message(STATUS "")
  message(STATUS "isoflop ${PROJECT_VERSION}, ${CMAKE_BUILD_TYPE}, ${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}")
  foreach(part IN LISTS parts)
    string(REPLACE "|" ";" fields "${part}")
    list(GET fields 0 name)
    list(GET fields 1 found)
    list(GET fields 2 version)
    list(GET fields 3 effect)
    if(found)
      set(found "yes")
    else()
      set(found "no")
      set(version "-")
    endif()
    isoflop_pad(name 18)
    isoflop_pad(found 5)
    isoflop_pad(version 12)
    message(STATUS "  ${name}${found}${version}${effect}")
  endforeach()
  message(STATUS "")
endfunction()

# isoflop_pad(VAR WIDTH): pads the variable's text with spaces on the right.
function(isoflop_pad var width)
  string(LENGTH "${${var}}" length)
  math(EXPR missing "${width} - ${length}")
  if(missing LESS 1)
    set(missing 1)
  endif()
  string(REPEAT " " ${missing} spaces)
  set(${var} "${${var}}${spaces}" PARENT_SCOPE)
endfunction()
