# core/version.cpp's facts about the build: the project's version and the git commit, if any.
execute_process(COMMAND git -C ${CMAKE_SOURCE_DIR} describe --always --dirty --tags
  OUTPUT_VARIABLE PGAN_GIT_DESCRIBE OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT PGAN_GIT_DESCRIBE)
  set(PGAN_GIT_DESCRIBE "unknown")
endif()
configure_file(${CMAKE_SOURCE_DIR}/cmake/version.h.in ${CMAKE_BINARY_DIR}/generated/pgan_build.h)
