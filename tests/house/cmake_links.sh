#!/usr/bin/env bash
# Checks that the LINKS of every src/*/CMakeLists.txt lie within layers.sh, and that each folder
# whose headers are included is linked, directly or through another.
# Usage: cmake_links.sh SOURCE_ROOT
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/house/layers.sh
. "$here/layers.sh"
declare -A links=()

# The words between LINKS and the next keyword or closing bracket of pgan_library().
links_of() {
  sed 's/#.*//' "$1" | tr '\n' ' ' |
    grep -oE 'pgan_library\([^)]*\)' | sed -nE 's/.*[[:space:]]LINKS[[:space:]]+([^A-Z)]*).*/\1/p'
}

reachable() { # of a folder, through links; itself too
  local seen=" $1 " queue="$1" next folder
  while [ -n "$queue" ]; do
    next=
    for folder in $queue; do
      for target in ${links[$folder]:-}; do
        [[ $seen == *" $target "* ]] || { seen+="$target " next+=" $target"; }
      done
    done
    queue=$next
  done
  echo "$seen"
}

check() {
  local src=$1 list folder target seen file
  links=()
  for list in "$src"/*/CMakeLists.txt; do
    folder=$(basename "$(dirname "$list")")
    links[$folder]=$(links_of "$list" | tr -s ' ')
  done
  for folder in "${!links[@]}"; do
    [ "$folder" != apps ] || continue
    for target in ${links[$folder]}; do
      [[ " ${allowed[$folder]:-} " == *" $target "* ]] ||
        echo "src/$folder/CMakeLists.txt links '$target'; allowed: ${allowed[$folder]:-nothing}"
    done
    seen=$(reachable "$folder")
    while IFS= read -r file; do
      while IFS= read -r target; do
        [[ $target == */* && -n "${allowed[${target%%/*}]+known}" ]] || continue
        [[ $seen == *" ${target%%/*} "* ]] ||
          echo "$file includes $target, but src/$folder/CMakeLists.txt does not link '${target%%/*}'"
      done < <(includes "$file")
    done < <(find "$src/$folder" -name '*.h' -o -name '*.cpp' | sort)
  done
}

self_test() {
  local copy text
  copy=$(mktemp -d)
  mkdir -p "$copy/core" "$copy/data" "$copy/models"
  printf 'pgan_library(core SOURCES a.cpp)\n' >"$copy/core/CMakeLists.txt"
  printf 'pgan_library(data\n  SOURCES a.cpp\n  LINKS core models  # no\n  PRIVATE_LINKS x)\n' \
    >"$copy/data/CMakeLists.txt"
  printf 'pgan_library(models SOURCES a.cpp LINKS core)\n' >"$copy/models/CMakeLists.txt"
  echo '#include "nn/layers.h"' >"$copy/models/a.cpp"
  text=$(check "$copy")
  grep -q "links 'models'" <<<"$text" || echo "self-test: data linking models was not found"
  grep -q "does not link 'nn'" <<<"$text" || echo "self-test: an include without a link was not found"
  [ "$(wc -l <<<"$text")" -eq 2 ] || echo "self-test, expected 2 lines: $text"
  rm -rf "$copy"
}

found=$(check "$1/src"; self_test)
if [ -n "$found" ]; then
  printf '%s\n' "$found"
  exit 1
fi
echo "the links of CMake follow the arrows"
