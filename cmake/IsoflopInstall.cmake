# SPDX-License-Identifier: MIT
# cmake --install: programs to bin/, configs, data tables and slurm files to share/isoflop/.
get_property(programs GLOBAL PROPERTY ISOFLOP_PROGRAMS)
if(programs)
  install(TARGETS ${programs} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(DIRECTORY configs slurm DESTINATION ${CMAKE_INSTALL_DATADIR}/isoflop USE_SOURCE_PERMISSIONS)
install(DIRECTORY data/ DESTINATION ${CMAKE_INSTALL_DATADIR}/isoflop/data FILES_MATCHING PATTERN "*.yaml" PATTERN "README.md")
install(FILES README.md LICENSE CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DATADIR}/isoflop OPTIONAL)
