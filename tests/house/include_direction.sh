#!/usr/bin/env bash
# Checks that no #include of a source tree goes against the arrows of layers.sh, and itself: a
# violation of each rule, planted in a copy, must be found.
# Usage: include_direction.sh SOURCE_ROOT
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/house/layers.sh
. "$here/layers.sh"

is_in() { [[ " $2 " == *" $1 "* ]]; }

# check_file SRC FILE: prints a line for each include that breaks a rule.
check_file() {
  local src=$1 file=$2 folder target header
  folder=${file#"$src"/}
  case $folder in */*) folder=${folder%%/*} ;; *) return 0 ;; esac # src/pch.h belongs to no layer
  if [ -z "${allowed[$folder]+known}" ]; then
    echo "$file: folder '$folder' has no row in tests/house/layers.sh"
    return 0
  fi
  while IFS= read -r header; do
    target=${header%%/*}
    if [[ $header == */* && $target != "$folder" && -n "${allowed[$target]+known}" ]] &&
      ! is_in "$target" "${allowed[$folder]}"; then
      echo "$file includes $header: '$folder' may use only: ${allowed[$folder]:-LibTorch}"
    fi
    for prefix in "${!confined[@]}"; do
      if [[ $header == "$prefix"* ]] && ! is_in "$folder" "${confined[$prefix]}"; then
        echo "$file includes $header: only src/{${confined[$prefix]// /,}} may"
      fi
    done
    if [[ $file == *.h && $header == torch/torch.h ]]; then
      echo "$file includes $header: headers include <torch/types.h> or what they need of it"
    fi
  done < <(includes "$file")
}

check_single() {
  local src=$1 header file users
  for header in "${single_file[@]}"; do
    users=()
    while IFS= read -r file; do
      includes "$file" | grep -qxF "$header" || continue
      users+=("$file")
      [[ $file == *.cpp ]] || echo "$file includes $header: only a .cpp may"
    done < <(find "$src" -name '*.h' -o -name '*.cpp' | sort)
    [ ${#users[@]} -le 1 ] || echo "$header is included in ${#users[@]} files, 1 is allowed: ${users[*]}"
  done
}

check_tree() {
  local src=$1 file
  while IFS= read -r file; do check_file "$src" "$file"; done \
    < <(find "$src" -name '*.h' -o -name '*.cpp' | sort)
  check_single "$src"
}

# must_find FOLDER/FILE LINE: a copy with the line added there has exactly the violations it has.
must_find() {
  local copy
  copy=$(mktemp -d)
  mkdir -p "$copy/src/${1%/*}" "$copy/src/comm"
  echo '#include <mpi.h>' >"$copy/src/comm/first.cpp"
  printf '%s\n' "$2" >"$copy/src/$1"
  if [ -z "$(check_tree "$copy/src")" ]; then
    echo "self-test: $1 with '$2' was not found"
  fi
  rm -rf "$copy"
}

self_test() {
  must_find core/a.h '#include "comm/communicator.h"'
  must_find data/a.cpp '#include "comm/communicator.h"'
  must_find models/a.cpp '  #  include "data/pack.h"  // why'
  must_find report/a.cpp '#include "train/trainer.h"'
  must_find train/a.cpp '#include "report/sheet.h"'
  must_find nn/a.cpp '#include <opencv2/core.hpp>'
  must_find comm/second.cpp '#include <mpi.h>'
  must_find comm/a.h '#include <nccl.h>'
  must_find train/a.cpp '#include <mpi.h>'
  must_find core/a.h '#include <torch/torch.h>'
  must_find stray/a.cpp '#include "core/error.h"'
}

allowed_tree() { # what must not be found
  local copy
  copy=$(mktemp -d)
  mkdir -p "$copy/src/models" "$copy/src/data"
  echo '#include "nn/layers.h"' >"$copy/src/models/a.cpp"
  echo '#include <opencv2/core.hpp>' >"$copy/src/data/a.cpp"
  check_tree "$copy/src" | sed 's/^/self-test, false alarm: /'
  rm -rf "$copy"
}

found=$(check_tree "$1/src"; self_test; allowed_tree)
if [ -n "$found" ]; then
  printf '%s\n' "$found"
  exit 1
fi
echo "$(find "$1/src" -name '*.h' -o -name '*.cpp' | wc -l) files follow the arrows"
