# SPDX-License-Identifier: MIT
# OneDNN_FOUND, OneDNN_VERSION and target OneDNN::dnnl. Debian's own dnnl-config.cmake demands OpenCL's development files, which
# a CPU build does not need, so header and library are looked up directly.
find_path(OneDNN_INCLUDE_DIR dnnl.hpp PATH_SUFFIXES include)
find_library(OneDNN_LIBRARY dnnl PATH_SUFFIXES lib lib64)
if(OneDNN_INCLUDE_DIR)
  foreach(header IN ITEMS dnnl_version.h oneapi/dnnl/dnnl_version.h)
    if(EXISTS ${OneDNN_INCLUDE_DIR}/${header})
      file(STRINGS ${OneDNN_INCLUDE_DIR}/${header} version_lines REGEX "define DNNL_VERSION_(MAJOR|MINOR|PATCH) +[0-9]")
      if(version_lines)
        string(REGEX MATCHALL "[0-9]+" version_numbers "${version_lines}")
        list(JOIN version_numbers "." OneDNN_VERSION)
      endif()
    endif()
  endforeach()
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(OneDNN REQUIRED_VARS OneDNN_LIBRARY OneDNN_INCLUDE_DIR VERSION_VAR OneDNN_VERSION)
if(OneDNN_FOUND AND NOT TARGET OneDNN::dnnl)
  add_library(OneDNN::dnnl UNKNOWN IMPORTED)
  set_target_properties(OneDNN::dnnl PROPERTIES
    IMPORTED_LOCATION ${OneDNN_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${OneDNN_INCLUDE_DIR})
endif()
mark_as_advanced(OneDNN_INCLUDE_DIR OneDNN_LIBRARY)
