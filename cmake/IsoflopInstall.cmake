# SPDX-License-Identifier: MIT
# cmake --install: programs to bin/, configs, data tables and slurm files to share/isoflop/.
get_property(programs GLOBAL PROPERTY ISOFLOP_PROGRAMS)
if(programs)
  install(TARGETS ${programs} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(DIRECTORY configs slurm DESTINATION ${CMAKE_INSTALL_DATADIR}/isoflop USE_SOURCE_PERMISSIONS)
# The files, not the folders: data/ also holds what tokenize writes.
file(GLOB data_tables CONFIGURE_DEPENDS data/*.yaml data/*.csv)
install(FILES ${data_tables} data/README.md DESTINATION ${CMAKE_INSTALL_DATADIR}/isoflop/data)
install(DIRECTORY data/prepare DESTINATION ${CMAKE_INSTALL_DATADIR}/isoflop/data USE_SOURCE_PERMISSIONS)
install(FILES README.md LICENSE CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DATADIR}/isoflop OPTIONAL)
