# Finds nccl.h (header only: the library is the one LibTorch loads, opened at run time).
#
# Output: PGAN_HAS_NCCL, target Nccl::headers where found.
find_path(NCCL_INCLUDE_DIR nccl.h
  HINTS ${PGAN_LIBTORCH}/../nvidia/nccl/include $ENV{NCCL_HOME}/include /usr/local/cuda/include)
find_path(CUDART_INCLUDE_DIR cuda_runtime_api.h
  HINTS ${PGAN_LIBTORCH}/../nvidia/cu13/include ${PGAN_LIBTORCH}/../nvidia/cuda_runtime/include
        /usr/local/cuda/include)
set(PGAN_HAS_NCCL OFF)
if(NOT PGAN_CUDA STREQUAL "OFF" AND PGAN_LIBTORCH_HAS_CUDA AND NCCL_INCLUDE_DIR AND CUDART_INCLUDE_DIR)
  set(PGAN_HAS_NCCL ON)
  add_library(Nccl::headers INTERFACE IMPORTED)
  set_target_properties(Nccl::headers PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${NCCL_INCLUDE_DIR};${CUDART_INCLUDE_DIR}")
endif()
if(PGAN_CUDA STREQUAL "ON" AND NOT PGAN_HAS_NCCL)
  message(FATAL_ERROR "PGAN_CUDA=ON, but LibTorch has no CUDA (libtorch_cuda.so: ${PGAN_LIBTORCH_HAS_CUDA}) or "
                      "nccl.h or cuda_runtime_api.h was not found. Use PGAN_CUDA=AUTO, or a LibTorch with CUDA.")
endif()
message(STATUS "CUDA and NCCL headers: ${PGAN_HAS_NCCL} (PGAN_CUDA=${PGAN_CUDA})")
