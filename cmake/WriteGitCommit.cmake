# SPDX-License-Identifier: MIT
# Run at each build: writes OUTPUT, a source file with the commit of SOURCE_DIR ("" outside of a git checkout), only when it
# changed.
execute_process(COMMAND git -C ${SOURCE_DIR} describe --always --dirty --abbrev=12 --exclude=*
  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
set(text "namespace isoflop {\nextern const char* const kGitCommit;\nconst char* const kGitCommit = \"${commit}\";\n}\n")
set(old "")
if(EXISTS ${OUTPUT})
  file(READ ${OUTPUT} old)
endif()
if(NOT text STREQUAL old)
  file(WRITE ${OUTPUT} "${text}")
endif()
