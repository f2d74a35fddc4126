#!/usr/bin/env bash
# Makes this machine ready and builds pgan-train into build/. Does nothing twice.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${PGAN_CACHE:-$HOME/.cache/pgan}
venv=$cache/venv
requirements=(torch==2.11.0 numpy safetensors)
space_needed_gib=8

packages=(g++ cmake ninja-build ccache pkg-config ca-certificates python3 python3-venv
  openmpi-bin libopenmpi-dev libopencv-core-dev libopencv-imgproc-dev libopencv-imgcodecs-dev
  libboost-program-options-dev libspdlog-dev libfmt-dev nlohmann-json3-dev libxxhash-dev
  libzip-dev zlib1g-dev liblmdb-dev
  libjpeg-dev libpng-dev liblcms2-dev libgtest-dev libgmock-dev)
lint_packages=(clang-format shellcheck)
fuzz_packages=(clang libclang-rt-dev)
# There Clang's runtime libraries are no package of their own.
! grep -qs '^VERSION_ID="22.04"' /etc/os-release || fuzz_packages=(clang)
cluster_packages=(iproute2 slurmctld slurmd slurm-client slurm-wlm-basic-plugins munge)

usage() {
  cat <<EOF
Usage: launch/install.sh [options]

Installs what pgan-train needs on Debian 12 or Ubuntu 22.04/24.04, then builds it into build/.

  --user              no root: use the site's own compiler, MPI, OpenCV, Boost ... (modules), and make
                      only the virtual environment; names everything that is missing, at once
  --no-build          stop before the build
  --tests             build the tests as well
  --cuda AUTO|ON|OFF  compile the CUDA and NCCL host code (default: AUTO, where LibTorch has CUDA)
  --jobs N            compile N files at once (default: one a core, at most one every 2 GiB of memory)
  --lint              install only what the format check needs: ${lint_packages[*]}
  --fuzz              install only what tests/fuzz/run.sh needs besides: ${fuzz_packages[*]}
  --cluster           install only what the tests of several hosts and of Slurm need besides:
                      ${cluster_packages[*]}
  --help              this text

Environment:
  PGAN_CACHE          virtual environment and compiler cache (default: ~/.cache/pgan)
  PGAN_LIBTORCH       the folder that holds another LibTorch's include/ and lib/; then no virtual
                      environment is made
  CI=true             warnings are errors
EOF
}

# shellcheck source=launch/steps.sh
. "$root/launch/steps.sh"
# shellcheck source=launch/site_check.sh
. "$root/launch/site_check.sh"

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

apt_install() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 \
    install -y --no-install-recommends "$@"
}

system_packages() {
  local wanted=("$@") missing=() package id=unknown version=
  if [ -r /etc/os-release ]; then
    # shellcheck disable=SC1091
    id=$(. /etc/os-release && echo "${ID:-unknown} ${ID_LIKE:-}")
    # shellcheck disable=SC1091
    version=$(. /etc/os-release && echo "${VERSION_ID:-}")
  fi
  if [[ " $id " != *" debian "* && " $id " != *" ubuntu "* ]] || ! command -v apt-get >/dev/null; then
    die "this is '$id $version', and packages can be installed only on Debian 12 or Ubuntu 22.04/24.04: bring the libraries yourself and use --user (docs/installing.md)"
  fi
  case "$id" in
    debian*) [ "${version%%.*}" -ge 12 ] 2>/dev/null || [ -z "$version" ] ||
      die "Debian $version is too old (Debian 12 or newer): use --user with newer libraries (docs/installing.md)" ;;
    ubuntu*) [ "${version%%.*}" -ge 22 ] 2>/dev/null ||
      die "Ubuntu $version is too old (22.04 or newer): use --user with newer libraries (docs/installing.md)" ;;
  esac
  for package in "${wanted[@]}"; do
    [[ $(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null) == "ii "* ]] || missing+=("$package")
  done
  if [ ${#missing[@]} -eq 0 ]; then
    already "Packages of the system"
    return
  fi
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null ||
      die "not root and no sudo. Ask for: apt-get install ${missing[*]} -- or use --user with the site's own libraries"
    if ! sudo -n true 2>/dev/null; then
      [ -t 0 ] || die "sudo wants a password and there is no terminal: run 'sudo apt-get install ${missing[*]}' first, or use --user"
      echo "sudo may ask for your password, to install: ${missing[*]}"
      sudo -v || die "sudo was refused. Ask for: apt-get install ${missing[*]} -- or use --user"
    fi
  fi
  step "Package lists" as_root apt-get -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 \
    -o APT::Update::Error-Mode=any update -q
  step "Packages of the system (${#missing[@]} missing)" apt_install "${missing[@]}"
}

check_libtorch() {
  local folder=$1
  [ -d "$folder" ] || die "PGAN_LIBTORCH=$folder is not a folder; give the one that holds LibTorch's include/ and lib/"
  local file
  for file in include/torch/csrc/api/include/torch/torch.h lib/libtorch_cpu.so lib/libc10.so; do
    [ -e "$folder/$file" ] ||
      die "PGAN_LIBTORCH=$folder has no $file; give the folder that holds LibTorch's include/ and lib/"
  done
}

make_venv() {
  local python=$venv/bin/python
  # A killed install leaves a folder without the marker: what pip finished is kept.
  "$python" -m pip --version >/dev/null 2>&1 || {
    rm -rf "$venv"
    python3 -m venv "$venv"
  }
  "$python" -m pip install --disable-pip-version-check --no-input --progress-bar off "${requirements[@]}" || return 1
  "$python" -c 'import torch; print("torch", torch.__version__)'
}

fill_venv() {
  mkdir -p "$cache"
  make_venv || {
    grep -qiE 'no space left|max retries|no matching distribution|failed to establish' "$log" && return 1
    echo "the virtual environment is damaged: making it anew"
    rm -rf "$venv"
    make_venv
  } || return 1
  echo "$1" >"$venv/.pgan-complete"
}

virtual_environment() {
  local marker="${requirements[*]}"
  mkdir -p "$cache" 2>/dev/null || die "cannot write $cache: set PGAN_CACHE to a folder that can be written"
  exec 9>"$cache/venv.lock"
  flock -n 9 || {
    echo "another install is making $venv; waiting for it"
    flock 9
  }
  if [ "$(cat "$venv/.pgan-complete" 2>/dev/null)" = "$marker" ] && [ -x "$venv/bin/python" ]; then
    already "LibTorch (${requirements[0]})"
  else
    local free
    free=$(free_gib "$cache")
    [ -d "$venv/lib" ] || [ "$free" -ge "$space_needed_gib" ] ||
      die "$cache has $free GiB free; LibTorch and the build need $space_needed_gib GiB. Free some, or set PGAN_CACHE"
    step "LibTorch (${requirements[0]})" fill_venv "$marker"
  fi
  exec 9>&-
  PGAN_LIBTORCH=$(echo "$venv"/lib/python3*/site-packages/torch)
}

default_jobs() {
  local cores limit bytes gib
  cores=$(nproc)
  bytes=$(($(awk '/^MemTotal/ { print $2 }' /proc/meminfo) * 1024)) # mawk's own numbers end at 2^31
  limit=$(cat /sys/fs/cgroup/memory.max 2>/dev/null || echo max)
  if [[ $limit =~ ^[0-9]+$ ]] && [ "$limit" -lt "$bytes" ]; then bytes=$limit; fi
  gib=$((bytes / 1073741824 / 2))
  [ "$gib" -ge 1 ] || gib=1
  echo $((cores < gib ? cores : gib))
}

build() {
  local with_tests=$1 cuda=$2 jobs=$3 target=programs settings free
  settings=(-DPGAN_LIBTORCH="$PGAN_LIBTORCH" -DPGAN_CUDA="$cuda")
  if [ "$with_tests" = yes ]; then
    target=all
    settings+=(-DPGAN_TESTS=ON)
  elif [ "$user" = yes ] && ! has_header gtest/gtest.h; then
    settings+=(-DPGAN_TESTS=OFF)
  fi
  [ "${CI:-}" != true ] || settings+=(-DPGAN_WERROR=ON)
  if [ -f "$root/build/CMakeCache.txt" ]; then
    local home
    home=$(sed -n 's/^CMAKE_HOME_DIRECTORY:INTERNAL=//p' "$root/build/CMakeCache.txt")
    [ "$home" = "$root" ] || die "$root/build was made for another checkout ($home): remove it and run this again"
  else
    free=$(free_gib "$root")
    [ "$free" -ge 2 ] || die "$root has $free GiB free; the build needs 2 GiB"
    # Only where nothing is configured yet: CMake refuses to change a folder's generator.
    if command -v ninja >/dev/null; then export CMAKE_GENERATOR=${CMAKE_GENERATOR:-Ninja}; fi
  fi
  export CCACHE_DIR=${CCACHE_DIR:-$cache/ccache} CCACHE_MAXSIZE=${CCACHE_MAXSIZE:-5G}
  cd "$root"
  step "Configuring" cmake --preset release "${settings[@]}"
  step "Building, $jobs at once" cmake --build build --target "$target" --parallel "$jobs"
  echo "Programs: $root/build/bin"
}

user=no no_build=no with_tests=no cuda=AUTO jobs='' lint=no fuzz=no cluster=no
while [ $# -gt 0 ]; do
  case $1 in
    --user) user=yes ;;
    --no-build) no_build=yes ;;
    --tests) with_tests=yes ;;
    --lint) lint=yes ;;
    --fuzz) fuzz=yes ;;
    --cluster) cluster=yes ;;
    --cuda | --jobs)
      [ $# -ge 2 ] || die "$1 needs a value; see --help"
      if [ "$1" = --cuda ]; then cuda=$2; else jobs=$2; fi
      shift
      ;;
    --cuda=*) cuda=${1#*=} ;;
    --jobs=*) jobs=${1#*=} ;;
    --help | -h)
      usage
      exit 0
      ;;
    *) die "unknown option '$1'; see --help" ;;
  esac
  shift
done
case $cuda in AUTO | ON | OFF) ;; *) die "--cuda $cuda: expected AUTO, ON or OFF" ;; esac
[ -z "$jobs" ] || [[ $jobs =~ ^[1-9][0-9]*$ ]] || die "--jobs $jobs: expected a number from 1"

if [ "$lint" = yes ] || [ "$fuzz" = yes ] || [ "$cluster" = yes ]; then
  [ "$lint" = no ] || system_packages "${lint_packages[@]}"
  [ "$fuzz" = no ] || system_packages "${fuzz_packages[@]}"
  [ "$cluster" = no ] || system_packages "${cluster_packages[@]}"
  exit 0
fi
[ -z "${PGAN_LIBTORCH:-}" ] || check_libtorch "$PGAN_LIBTORCH"
if [ "$user" = yes ]; then site_check "$with_tests"; else system_packages "${packages[@]}"; fi
if [ -n "${PGAN_LIBTORCH:-}" ]; then
  PGAN_LIBTORCH=$(cd "$PGAN_LIBTORCH" && pwd)
  already "LibTorch ($PGAN_LIBTORCH)"
else
  virtual_environment
fi
[ "$no_build" = yes ] || build "$with_tests" "$cuda" "${jobs:-$(default_jobs)}"
