# Sourced by install.sh: what --user expects of the site, all that is missing named at once.
# shellcheck shell=bash

has_header() { # in the compiler's, CMake's and the modules' usual places
  local header=$1 folder places
  places=${CPATH:-}:${CPLUS_INCLUDE_PATH:-}:${C_INCLUDE_PATH:-}:${CMAKE_INCLUDE_PATH:-}
  for folder in $(tr ';:' '  ' <<<"${CMAKE_PREFIX_PATH:-}") "${CONDA_PREFIX:-}" "${BOOST_ROOT:-}" \
    "${Boost_ROOT:-}" "${OpenCV_ROOT:-}" "${spdlog_ROOT:-}" "${nlohmann_json_ROOT:-}" \
    "${GTest_ROOT:-}" /usr /usr/local; do
    [ -z "$folder" ] || places+=:$folder/include
  done
  while IFS= read -r folder; do
    [ -n "$folder" ] || continue
    [ ! -e "$folder/$header" ] && [ ! -e "$folder/opencv4/$header" ] || return 0
  done < <(tr ';' ':' <<<"$places" | tr ':' '\n')
  # OpenCV_DIR points at lib/cmake/opencv4 below its prefix.
  [ -n "${OpenCV_DIR:-}" ] && [ -e "$OpenCV_DIR/../../../include/opencv4/$header" ]
}

at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

site_check() {
  local with_tests=$1 missing=() compiler=${CXX:-c++} version
  command -v "${compiler%% *}" >/dev/null || compiler=g++
  if ! echo '#include <concepts>
#include <span>
int main() { return 0; }' | $compiler -std=c++20 -x c++ -fsyntax-only - 2>/dev/null; then
    missing+=("a C++20 compiler (GCC 11 or newer; '$compiler' is not one; set CXX)")
  fi
  version=$(cmake --version 2>/dev/null | awk 'NR == 1 { print $3 }' || true)
  at_least 3.22 "${version:-0}" || missing+=("CMake 3.22 or newer (found: ${version:-none})")
  command -v ninja >/dev/null || command -v make >/dev/null || missing+=("ninja or make")
  command -v pkg-config >/dev/null || missing+=("pkg-config")
  command -v mpicxx >/dev/null || missing+=("MPI's compiler wrapper, mpicxx (Open MPI)")
  command -v mpirun >/dev/null || command -v srun >/dev/null || missing+=("mpirun (Open MPI)")
  has_header opencv2/imgcodecs.hpp || missing+=("OpenCV 4: opencv2/imgcodecs.hpp")
  has_header jpeglib.h || missing+=("libjpeg-turbo: jpeglib.h")
  has_header png.h || missing+=("libpng: png.h")
  pkg-config --exists lcms2 2>/dev/null || missing+=("Little CMS 2: lcms2.h and lcms2.pc (PKG_CONFIG_PATH)")
  has_header boost/program_options.hpp || missing+=("Boost.Program_options: boost/program_options.hpp")
  has_header spdlog/spdlog.h || missing+=("spdlog: spdlog/spdlog.h")
  has_header nlohmann/json.hpp || missing+=("nlohmann-json: nlohmann/json.hpp")
  pkg-config --exists libxxhash 2>/dev/null || missing+=("xxHash: xxhash.h and libxxhash.pc (PKG_CONFIG_PATH)")
  pkg-config --exists libzip 2>/dev/null || missing+=("libzip: zip.h and libzip.pc (PKG_CONFIG_PATH)")
  has_header zlib.h || missing+=("zlib: zlib.h")
  has_header lmdb.h || missing+=("LMDB: lmdb.h")
  if [ "$with_tests" = yes ] && ! has_header gtest/gtest.h; then
    missing+=("GoogleTest, for --tests: gtest/gtest.h")
  fi
  if [ -z "${PGAN_LIBTORCH:-}" ]; then
    python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ||
      missing+=("python3 3.10 or newer with venv (or set PGAN_LIBTORCH)")
  fi
  if [ ${#missing[@]} -gt 0 ]; then
    {
      echo "install.sh: missing on this machine (load the site's modules, or install them into a prefix named in CMAKE_PREFIX_PATH):"
      printf '  - %s\n' "${missing[@]}"
    } >&2
    exit 2
  fi
  already "Libraries of the site"
}
