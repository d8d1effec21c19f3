# SPDX-License-Identifier: MIT
# cmake --install: programs to bin/, configs, data tables and slurm files to share/isoflop/.
get_property(programs GLOBAL PROPERTY ISOFLOP_PROGRAMS)
if(programs)
  install(TARGETS ${programs} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(DIRECTORY configs slurm DESTINATION ${CMAKE_INSTALL_DATADIR}/isoflop USE_SOURCE_PERMISSIONS)
# By name: data/ also holds what tokenize writes.
install(FILES data/gpus.yaml data/scaling_laws.yaml data/calibration.yaml data/README.md
        DESTINATION ${CMAKE_INSTALL_DATADIR}/isoflop/data)
install(FILES README.md LICENSE CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DATADIR}/isoflop OPTIONAL)
