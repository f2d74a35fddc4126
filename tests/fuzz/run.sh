#!/usr/bin/env bash
# Builds the fuzz targets with Clang in build-fuzz/ and runs each for a while.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$root/build-fuzz
seconds=10 corpus='' wanted=()

usage() {
  cat <<'TEXT'
Usage: tests/fuzz/run.sh [options] [target...]

Builds the readers of pgan-train with sanitizers (build-fuzz/, needs launch/install.sh --fuzz) and feeds each target
damaged input for a while, starting from files of the project's own writers and from tests/fuzz/regressions. Prints a
line a target: inputs tried, edges of the code reached (those that seeds reach, then after), crashes.

  --seconds N   run each target for N seconds (default: 10)
  --corpus DIR  keep what was found interesting in DIR/<target>, and start from it
  --list        names of the targets
  --help        this text

Exit status: 0 when no target crashed, leaked, or took too much memory or time; 1 when one did: its input lies in
build-fuzz/crashes, and the line says how to run it again. 2: bad use.
TEXT
}

die() {
  echo "tests/fuzz/run.sh: $1" >&2
  exit 2
}

all_targets() {
  find "$root/tests/fuzz" -maxdepth 1 -name '*.cpp' -print0 | xargs -0 grep -lE '^void read_' |
    xargs -n 1 basename -s .cpp | grep -vx targets | sort
}

# Words for a target, as an option of libFuzzer.
dictionary_of() {
  case $1 in
    dataset_json | manifest | pack_info | safetensors) echo "-dict=$root/tests/fuzz/json.dict" ;;
  esac
}

# Larger inputs only slow the search down; what is longer than a record must fit.
longest_of() {
  case $1 in
    cifar) echo 10000 ;;
    pack | tar) echo 20000 ;;
    picture) echo 8192 ;;
    *) echo 4096 ;;
  esac
}

build_targets() {
  local log=$build/build.log libtorch=()
  command -v clang++ >/dev/null || die "no clang++; run launch/install.sh --fuzz"
  mkdir -p "$build"
  [ -z "${PGAN_LIBTORCH:-}" ] || libtorch=(-DPGAN_LIBTORCH="$PGAN_LIBTORCH")
  export CCACHE_DIR=${CCACHE_DIR:-${PGAN_CACHE:-$HOME/.cache/pgan}/ccache}
  if ! {
    { [ -f "$build/build.ninja" ] || cmake -S "$root" -B "$build" -G Ninja -DPGAN_FUZZ=ON -DPGAN_CUDA=OFF \
      -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ "${libtorch[@]}"; } &&
      cmake --build "$build" --target fuzz_targets
  } >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    echo "tests/fuzz/run.sh: the build failed; all of its output is in $log" >&2
    exit 1
  fi
}

# The number behind a word in libFuzzer's last status lines.
number_after() {
  sed -nE "s/.*$1:? *([0-9]+).*/\1/p" "$2" | tail -n 1
}

run_target() {
  local target=$1 log=$build/fuzz/$1.log start input found=${corpus:-$scratch/corpus}/$1 status=0
  mkdir -p "$found" "$scratch/seeds/$target" "$build/crashes"
  local folders=("$found" "$scratch/seeds/$target")
  [ ! -d "$root/tests/fuzz/regressions/$target" ] || folders+=("$root/tests/fuzz/regressions/$target")
  # shellcheck disable=SC2046  # none or one word
  "$build/fuzz/fuzz_$target" $(dictionary_of "$target") -max_total_time="$seconds" -max_len="$(longest_of "$target")" \
    -rss_limit_mb=1024 -timeout=20 -print_final_stats=1 -artifact_prefix="$build/crashes/$target-" \
    "${folders[@]}" >"$log" 2>&1 </dev/null || status=$?
  start=$(sed -nE 's/.*INITED cov: ([0-9]+).*/\1/p' "$log" | head -n 1)
  printf '%-15s %9s inputs  edges %5s -> %5s' "$target" "$(number_after stat::number_of_executed_units "$log")" \
    "${start:-?}" "$(number_after cov "$log")"
  if [ "$status" -eq 0 ]; then
    echo "  no crash"
    return
  fi
  input=$(sed -nE 's/.*Test unit written to //p' "$log" | tail -n 1)
  printf '  CRASH: %s\n' "$(grep -m 1 -E 'ERROR: |runtime error|broken promise|terminate called' "$log" || tail -n 1 "$log")"
  echo "  again: ${env_text}$build/fuzz/fuzz_$target ${input:-(no input was written)}    (log: $log)"
  failed=1
}

while [ $# -gt 0 ]; do
  case $1 in
    --seconds | --corpus)
      [ $# -ge 2 ] || die "$1 needs a value; see --help"
      if [ "$1" = --seconds ]; then seconds=$2; else corpus=$2; fi
      shift
      ;;
    --list)
      all_targets
      exit 0
      ;;
    --help | -h)
      usage
      exit 0
      ;;
    -*) die "unknown option '$1'; see --help" ;;
    *) wanted+=("$1") ;;
  esac
  shift
done
[[ $seconds =~ ^[1-9][0-9]*$ ]] || die "--seconds $seconds: expected a number from 1"
mapfile -t known < <(all_targets)
for target in "${wanted[@]}"; do
  [[ " ${known[*]} " == *" $target "* ]] || die "no target '$target'; there are: ${known[*]}"
done
[ ${#wanted[@]} -gt 0 ] || wanted=("${known[@]}")

build_targets
scratch=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || echo "${TMPDIR:-/tmp}")" pgan-fuzz-XXXXXX)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/tmp"
# LibTorch and OpenCV are not compiled with the sanitizer: a vector that crosses over looks overflown.
options='detect_container_overflow=0:detect_odr_violation=0:allocator_may_return_null=0'
env_text="ASAN_OPTIONS=$options "
export TMPDIR=$scratch/tmp ASAN_OPTIONS=$options OMP_NUM_THREADS=1
"$build/fuzz/make_corpus" "$scratch/seeds"
failed=0
for target in "${wanted[@]}"; do run_target "$target"; done
exit "$failed"
