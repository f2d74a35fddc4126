# Which CUDA and NCCL belong to LibTorch, from their headers; neither is linked: libtorch_cuda is opened at
# run time (src/core/device.cpp), and brings them in.
#
# Output: PGAN_USE_CUDA, PGAN_CUDA_VERSION, PGAN_NCCL_VERSION ("none" where there is none), and where nccl.h
# can be compiled PGAN_HAVE_NCCL_H with PGAN_NCCL_INCLUDE_DIRS.
include(CheckCXXSourceCompiles)
find_file(NCCL_HEADER nccl.h
  HINTS ${PGAN_LIBTORCH}/../nvidia/nccl/include $ENV{NCCL_HOME}/include /usr/local/cuda/include)
find_file(CUDART_HEADER cuda_runtime_api.h
  HINTS ${PGAN_LIBTORCH}/../nvidia/cu13/include ${PGAN_LIBTORCH}/../nvidia/cuda_runtime/include
        /usr/local/cuda/include)

# _header_number(FILE NAME OUTPUT): the whole number that a header #defines NAME as, 0 if it does not.
function(_header_number file name output)
  set(${output} 0 PARENT_SCOPE)
  if(EXISTS ${file})
    file(STRINGS ${file} _line REGEX "^#define ${name} +[0-9]+" LIMIT_COUNT 1)
    if(_line MATCHES "([0-9]+)")
      string(REGEX REPLACE "^#define ${name} +([0-9]+).*" "\\1" _value "${_line}")
      set(${output} ${_value} PARENT_SCOPE)
    endif()
  endif()
endfunction()

set(PGAN_USE_CUDA OFF)
set(PGAN_CUDA_VERSION none)
set(PGAN_NCCL_VERSION none)
if(NOT PGAN_CUDA STREQUAL "OFF" AND PGAN_LIBTORCH_HAS_CUDA)
  set(PGAN_USE_CUDA ON)
  _header_number("${CUDART_HEADER}" CUDART_VERSION _cuda)
  if(_cuda GREATER 0)
    math(EXPR _major "${_cuda} / 1000")
    math(EXPR _minor "${_cuda} % 1000 / 10")
    set(PGAN_CUDA_VERSION ${_major}.${_minor})
  endif()
  foreach(_part MAJOR MINOR PATCH)
    _header_number("${NCCL_HEADER}" NCCL_${_part} _nccl_${_part})
  endforeach()
  if(_nccl_MAJOR GREATER 0)
    set(PGAN_NCCL_VERSION ${_nccl_MAJOR}.${_nccl_MINOR}.${_nccl_PATCH})
    # Of CUDA's headers nccl.h needs one name and a version. The wheels' own are not complete without those of
    # the compiler (crt/host_defines.h), so these take their place.
    set(_stead ${CMAKE_BINARY_DIR}/generated/nccl_cuda)
    file(CONFIGURE OUTPUT ${_stead}/cuda_runtime.h CONTENT
      "#pragma once\n#include <stddef.h>\n#define CUDART_VERSION ${_cuda}\ntypedef struct CUstream_st* cudaStream_t;\n")
    foreach(_part fp16 bf16 fp8)
      file(CONFIGURE OUTPUT ${_stead}/cuda_${_part}.h CONTENT "#pragma once\n")
    endforeach()
    get_filename_component(_nccl_dir ${NCCL_HEADER} DIRECTORY)
    set(PGAN_NCCL_INCLUDE_DIRS ${_stead} ${_nccl_dir})
    set(CMAKE_REQUIRED_INCLUDES ${PGAN_NCCL_INCLUDE_DIRS})
    unset(PGAN_HAVE_NCCL_H CACHE) # headers come and go between two configurations
    check_cxx_source_compiles("#include <nccl.h>\nint main() { return ncclSuccess; }" PGAN_HAVE_NCCL_H)
    unset(CMAKE_REQUIRED_INCLUDES)
    if(NOT PGAN_HAVE_NCCL_H)
      message(WARNING "${NCCL_HEADER} does not compile (CMakeFiles/CMakeError.log): the declarations of "
                      "src/comm/nccl_api.h are not compared with it")
    endif()
  endif()
endif()
if(PGAN_CUDA STREQUAL "ON" AND NOT PGAN_USE_CUDA)
  message(FATAL_ERROR "PGAN_CUDA=ON, but ${PGAN_LIBTORCH_LIB_DIR} has no libtorch_cuda.so. Use PGAN_CUDA=AUTO, or "
                      "a LibTorch with CUDA.")
endif()
message(STATUS "GPU code: ${PGAN_USE_CUDA} (PGAN_CUDA=${PGAN_CUDA}; CUDA ${PGAN_CUDA_VERSION}, NCCL ${PGAN_NCCL_VERSION})")
