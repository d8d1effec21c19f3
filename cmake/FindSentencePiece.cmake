# SPDX-License-Identifier: MIT
# SentencePiece_FOUND and target SentencePiece::sentencepiece; the library brings no CMake package.
find_path(SentencePiece_INCLUDE_DIR sentencepiece_processor.h PATH_SUFFIXES include)
find_library(SentencePiece_LIBRARY sentencepiece PATH_SUFFIXES lib lib64)
find_library(SentencePiece_TRAIN_LIBRARY sentencepiece_train PATH_SUFFIXES lib lib64)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(SentencePiece REQUIRED_VARS SentencePiece_LIBRARY SentencePiece_INCLUDE_DIR)
if(SentencePiece_FOUND AND NOT TARGET SentencePiece::sentencepiece)
  add_library(SentencePiece::sentencepiece UNKNOWN IMPORTED)
  set_target_properties(SentencePiece::sentencepiece PROPERTIES
    IMPORTED_LOCATION ${SentencePiece_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${SentencePiece_INCLUDE_DIR})
  if(SentencePiece_TRAIN_LIBRARY) # only the tests train models
    add_library(SentencePiece::train UNKNOWN IMPORTED)
    set_target_properties(SentencePiece::train PROPERTIES IMPORTED_LOCATION ${SentencePiece_TRAIN_LIBRARY}
      INTERFACE_LINK_LIBRARIES SentencePiece::sentencepiece)
  endif()
endif()
mark_as_advanced(SentencePiece_INCLUDE_DIR SentencePiece_LIBRARY SentencePiece_TRAIN_LIBRARY)
