# SPDX-License-Identifier: MIT
# Helper functions that declare this project's libraries, programs and tests.

# Flags that every target of ours is compiled with; never applied to third-party code.
# (-Wno-restrict: GCC 12 misreports std::string concatenation, GCC bug 105651.)
add_library(isoflop_compile_options INTERFACE)
target_compile_features(isoflop_compile_options INTERFACE cxx_std_20)
target_include_directories(isoflop_compile_options INTERFACE ${PROJECT_SOURCE_DIR}/src)
# (nvcc hands what follows -Xcompiler to the host compiler, which also sees code of nvcc's own: -Wshadow would report that.)
set(isoflop_warnings -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wno-restrict $<$<BOOL:${ISOFLOP_WERROR}>:-Werror>)
set(isoflop_cuda_warnings -Xcompiler=-Wall,-Wextra,-Wnon-virtual-dtor $<$<BOOL:${ISOFLOP_WERROR}>:-Werror=all-warnings>)
target_compile_options(isoflop_compile_options INTERFACE
  "$<$<COMPILE_LANGUAGE:C,CXX>:${isoflop_warnings}>"
  "$<$<COMPILE_LANGUAGE:CUDA>:${isoflop_cuda_warnings}>")
if(ISOFLOP_SANITIZE)
  target_compile_options(isoflop_compile_options INTERFACE
    "$<$<COMPILE_LANGUAGE:C,CXX>:-fsanitize=address,undefined;-fno-sanitize-recover=undefined;-fno-omit-frame-pointer>")
  target_link_options(isoflop_compile_options INTERFACE -fsanitize=address,undefined)
endif()

# Installed programs find the libraries of the modules they were built with, as those of the build folder do.
set(CMAKE_INSTALL_RPATH_USE_LINK_PATH ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()
find_program(ISOFLOP_CCACHE ccache)
if(ISOFLOP_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${ISOFLOP_CCACHE})
endif()

# isoflop_library(NAME SOURCES a.cpp ... [PUBLIC lib ...] [PRIVATE lib ...]): a static library, alias isoflop::NAME.
function(isoflop_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(isoflop_${name} STATIC ${arg_SOURCES})
  add_library(isoflop::${name} ALIAS isoflop_${name})
  set_target_properties(isoflop_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_link_libraries(isoflop_${name} PUBLIC isoflop_compile_options ${arg_PUBLIC} PRIVATE ${arg_PRIVATE})
endfunction()

# isoflop_program(NAME SOURCES a.cpp ... LIBS lib ...): an installed program in build/bin.
function(isoflop_program name)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE isoflop_compile_options ${arg_LIBS})
  set_property(GLOBAL APPEND PROPERTY ISOFLOP_PROGRAMS ${name})
endfunction()

# isoflop_timeout(VARIABLE SECONDS): what a test may take; sanitizers make programs three to ten times as slow.
function(isoflop_timeout variable seconds)
  if(NOT seconds)
    set(seconds 120)
  endif()
  if(ISOFLOP_SANITIZE)
    math(EXPR seconds "5 * ${seconds}")
  endif()
  set(${variable} ${seconds} PARENT_SCOPE)
endfunction()

# A third of a test's compile time is optimisation that its few seconds of running do not earn back; what it tests is compiled as shipped.
set(isoflop_test_options "$<$<AND:$<CONFIG:Release>,$<COMPILE_LANGUAGE:CXX>>:-O1>")

# isoflop_test(NAME SOURCES a_test.cpp ... LIBS lib ... [LABEL unit] [TIMEOUT 60]): one GoogleTest program, one ctest entry.
function(isoflop_test name)
  cmake_parse_arguments(arg "" "LABEL;TIMEOUT" "SOURCES;LIBS" ${ARGN})
  if(NOT arg_LABEL)
    set(arg_LABEL unit)
  endif()
  isoflop_timeout(timeout "${arg_TIMEOUT}")
  add_executable(${name}_test ${arg_SOURCES})
  set_target_properties(${name}_test PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/bin)
  target_compile_definitions(${name}_test PRIVATE ISOFLOP_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  target_compile_options(${name}_test PRIVATE ${isoflop_test_options})
  target_link_libraries(${name}_test PRIVATE isoflop_compile_options ${arg_LIBS} GTest::gmock GTest::gtest_main)
  isoflop_compile_together(${name}_test)
  add_test(NAME ${name} COMMAND ${name}_test)
  set_tests_properties(${name} PROPERTIES LABELS ${arg_LABEL} TIMEOUT ${timeout}
    ENVIRONMENT "ISOFLOP_BIN=${PROJECT_BINARY_DIR}/bin")
endfunction()

# isoflop_mpi_test(NAME NP 1 2 4 SOURCES ... LIBS ...): one GoogleTest program with tests/support/mpi_main.cpp, started with
# each number of ranks; label mpi.
function(isoflop_mpi_test name)
  cmake_parse_arguments(arg "" "TIMEOUT" "NP;SOURCES;LIBS" ${ARGN})
  isoflop_timeout(timeout "${arg_TIMEOUT}")
  add_executable(${name}_test ${arg_SOURCES} ${PROJECT_SOURCE_DIR}/tests/support/mpi_main.cpp)
  set_target_properties(${name}_test PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/bin)
  target_compile_definitions(${name}_test PRIVATE ISOFLOP_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  target_compile_options(${name}_test PRIVATE ${isoflop_test_options})
  target_link_libraries(${name}_test PRIVATE isoflop_compile_options ${arg_LIBS} MPI::MPI_CXX GTest::gmock GTest::gtest)
  isoflop_compile_together(${name}_test)
  # Open MPI leaks at exit, in plugins that are unloaded by then and cannot be suppressed by name. Only a sanitizer reads this.
  set(no_leak_check "ASAN_OPTIONS=detect_leaks=0")
  foreach(np IN LISTS arg_NP)
    add_test(NAME ${name}_np${np}
      COMMAND ${MPIEXEC_EXECUTABLE} --oversubscribe --bind-to none ${MPIEXEC_NUMPROC_FLAG} ${np} $<TARGET_FILE:${name}_test>)
    set_tests_properties(${name}_np${np} PROPERTIES LABELS mpi TIMEOUT ${timeout} PROCESSORS 2
      ENVIRONMENT "OMP_NUM_THREADS=1;OMPI_ALLOW_RUN_AS_ROOT=1;OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1;OMPI_MCA_mpi_yield_when_idle=1;${no_leak_check};ISOFLOP_BIN=${PROJECT_BINARY_DIR}/bin")
  endforeach()
endfunction()

# isoflop_compile_kernels(TARGET): how nvcc compiles the .cu files of a target. A kernel that spills registers or keeps arrays in
# local memory is an error; OBJECT.ptxas tells what each kernel takes.
function(isoflop_compile_kernels target)
  target_compile_options(${target} PRIVATE
    $<$<COMPILE_LANGUAGE:CUDA>:-std=c++20> # CMake 3.25 does not know that nvcc 12 and later have it
    $<$<COMPILE_LANGUAGE:CUDA>:-Xptxas=-v,--warn-on-spills,--warn-on-local-memory-usage,-Werror>)
  set_target_properties(${target} PROPERTIES CUDA_COMPILER_LAUNCHER "${PROJECT_SOURCE_DIR}/cmake/keep_ptxas_lines.sh;${ISOFLOP_CCACHE}")
endfunction()
