# Imported target LibTorch::cpu from any LibTorch root (the PyPI wheel's torch/ folder or the zip).
#
# LibTorch's own CMake package demands a full CUDA toolkit at configure time when it was built with
# CUDA. Host code needs none: only headers and the CPU libraries are linked here, and libtorch_cuda
# is opened at run time before the first question about CUDA (src/core/device.cpp).
#
# Input:  PGAN_LIBTORCH, the root (cache or environment).
# Output: LibTorch::cpu, PGAN_LIBTORCH_LIB_DIR, PGAN_LIBTORCH_HAS_CUDA.
if(NOT PGAN_LIBTORCH AND DEFINED ENV{PGAN_LIBTORCH})
  set(PGAN_LIBTORCH $ENV{PGAN_LIBTORCH} CACHE PATH "" FORCE)
endif()
if(NOT PGAN_LIBTORCH)
  # An activated virtual environment, the install script's one, or whatever python3 sees.
  if(DEFINED ENV{PGAN_CACHE})
    set(_pgan_cache $ENV{PGAN_CACHE})
  else()
    set(_pgan_cache $ENV{HOME}/.cache/pgan)
  endif()
  foreach(_environment $ENV{VIRTUAL_ENV} ${_pgan_cache}/venv)
    file(GLOB _found ${_environment}/lib/python3*/site-packages/torch)
    list(APPEND _torch_roots ${_found})
  endforeach()
  if(NOT _torch_roots)
    find_program(_python3 python3)
    if(_python3)
      execute_process(COMMAND ${_python3} -c
        "import importlib.util as u; s=u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')"
        OUTPUT_VARIABLE _torch_roots OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    endif()
  endif()
  if(_torch_roots)
    list(GET _torch_roots 0 _torch_root)
    set(PGAN_LIBTORCH ${_torch_root} CACHE PATH "" FORCE)
  endif()
endif()
if(NOT EXISTS ${PGAN_LIBTORCH}/include/torch/csrc/api/include/torch/torch.h)
  message(FATAL_ERROR "LibTorch not found (looked in '${PGAN_LIBTORCH}'). Run ./launch/install.sh, or pass "
                      "-DPGAN_LIBTORCH=/path, the folder that holds LibTorch's include/ and lib/.")
endif()
set(PGAN_LIBTORCH_LIB_DIR ${PGAN_LIBTORCH}/lib)
message(STATUS "LibTorch: ${PGAN_LIBTORCH}")

set(PGAN_LIBTORCH_HAS_CUDA OFF)
if(EXISTS ${PGAN_LIBTORCH_LIB_DIR}/libtorch_cuda.so)
  set(PGAN_LIBTORCH_HAS_CUDA ON)
endif()

foreach(_lib c10 torch_cpu)
  add_library(LibTorch::${_lib} SHARED IMPORTED)
  set_target_properties(LibTorch::${_lib} PROPERTIES
    IMPORTED_LOCATION ${PGAN_LIBTORCH_LIB_DIR}/lib${_lib}.so
    IMPORTED_NO_SONAME OFF)
endforeach()
add_library(LibTorch::cpu INTERFACE IMPORTED)
set_target_properties(LibTorch::cpu PROPERTIES
  INTERFACE_INCLUDE_DIRECTORIES
    "${PGAN_LIBTORCH}/include;${PGAN_LIBTORCH}/include/torch/csrc/api/include"
  INTERFACE_LINK_LIBRARIES "LibTorch::torch_cpu;LibTorch::c10")

# The zip of old releases uses the pre-C++11 ABI; TorchConfig.cmake says which.
file(GLOB _torch_config ${PGAN_LIBTORCH}/share/cmake/Torch/TorchConfig.cmake)
if(_torch_config)
  file(STRINGS ${_torch_config} _abi_line REGEX "_GLIBCXX_USE_CXX11_ABI=[01]")
  if(_abi_line MATCHES "_GLIBCXX_USE_CXX11_ABI=([01])")
    set_property(TARGET LibTorch::cpu APPEND PROPERTY
      INTERFACE_COMPILE_DEFINITIONS _GLIBCXX_USE_CXX11_ABI=${CMAKE_MATCH_1})
  endif()
endif()
list(APPEND CMAKE_BUILD_RPATH ${PGAN_LIBTORCH_LIB_DIR})
list(APPEND CMAKE_INSTALL_RPATH ${PGAN_LIBTORCH_LIB_DIR})
