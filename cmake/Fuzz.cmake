# PGAN_FUZZ: everything is compiled for libFuzzer with the address and undefined-behaviour sanitizers,
# which is for a build folder of its own (tests/fuzz/run.sh makes it). Include this before any target.
#
# LibTorch and OpenCV stay as they are: only what is compiled here is watched, and the memory that others
# take. ASAN_OPTIONS for that are in tests/fuzz/run.sh.
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  message(FATAL_ERROR "PGAN_FUZZ needs Clang, found ${CMAKE_CXX_COMPILER_ID}: use tests/fuzz/run.sh, or pass "
                      "-DCMAKE_CXX_COMPILER=clang++ to a new build folder")
endif()
set(CMAKE_BUILD_TYPE None)
# vptr asks for the type information of LibTorch's hidden classes, which is not there.
add_compile_options(-O1 -gline-tables-only -fno-omit-frame-pointer
  -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize=vptr -fno-sanitize-recover=all)
# Else no object that is compiled with a precompiled header made anew is found in the compiler's cache.
add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
add_compile_definitions(_GLIBCXX_ASSERTIONS)
add_link_options(-fsanitize=address,undefined)
