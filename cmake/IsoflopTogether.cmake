# SPDX-License-Identifier: MIT
# ISOFLOP_TOGETHER: several sources in one compiler call ("unity build"), for builds from nothing, in which reading headers and
# instantiating what they hold is most of the work. A change of one file then compiles its whole group again.

# The most sources of one compiler call: more leave one processor waiting at the end.
set(isoflop_most_together 10)

# isoflop_file_names(OUT SOURCE): what SOURCE declares from the first column, so at namespace scope: names that would collide
# with the same ones of another source if both were compiled together. Members and test cases do not count.
function(isoflop_file_names out source)
  file(READ ${source} text)
  string(REGEX REPLACE "[][;]" "(" text "\n${text}") # none of these, which CMake's lists do not take
  string(REGEX MATCHALL "\n[A-Za-z][^\n({=]*[({=]|\n#define +[A-Za-z_0-9]+" declarations "${text}")
  set(names "")
  foreach(declaration IN LISTS declarations)
    if(declaration MATCHES "([A-Za-z_0-9:~]+)[ ({=]*$")
      list(APPEND names ${CMAKE_MATCH_1})
    endif()
  endforeach()
  list(FILTER names EXCLUDE REGEX "::|^(namespace|isoflop|emulation|gpu|testing|extern|final|TEST|TEST_P|TEST_F|TYPED_TEST|INSTANTIATE_TEST_SUITE_P)$")
  list(REMOVE_DUPLICATES names)
  set(${out} ${names} PARENT_SCOPE)
endfunction()

# isoflop_share_a_name(OUT LIST LIST): whether a name is in both.
function(isoflop_share_a_name out first second)
  set(${out} NO PARENT_SCOPE)
  foreach(name IN LISTS ${first})
    if(name IN_LIST ${second})
      set(${out} YES PARENT_SCOPE)
      return()
    endif()
  endforeach()
endfunction()

# isoflop_compile_together(TARGET): puts each C++ source of TARGET into the first group that has room and none of its names.
# Sources with options of their own stay alone, which CMake sees to.
function(isoflop_compile_together target)
  if(NOT ISOFLOP_TOGETHER)
    return()
  endif()
  get_target_property(sources ${target} SOURCES)
  list(FILTER sources INCLUDE REGEX "\\.cpp$")
  set(n_group 0)
  foreach(source IN LISTS sources)
    get_filename_component(path ${source} ABSOLUTE)
    get_source_file_property(is_generated ${source} GENERATED)
    get_source_file_property(group ${source} UNITY_GROUP)
    if(is_generated OR group) # of another target, too
      continue()
    endif()
    isoflop_file_names(names ${path})
    foreach(i RANGE ${n_group})
      set(group ${i})
      isoflop_share_a_name(is_shared names names_${i})
      list(LENGTH files_${i} size)
      if(NOT is_shared AND size LESS isoflop_most_together)
        break()
      endif()
    endforeach()
    list(APPEND names_${group} ${names})
    list(APPEND files_${group} ${source})
    set_property(SOURCE ${source} PROPERTY UNITY_GROUP ${target}_${group})
    if(group EQUAL n_group)
      math(EXPR n_group "${n_group} + 1")
    endif()
  endforeach()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  # Types without linkage are those of a source, not of a header; with more to inline, GCC 12 misreports std::variant's members.
  target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:-Wno-subobject-linkage;-Wno-maybe-uninitialized>")
endfunction()
