#!/usr/bin/env bash
# What checkpoints cost, on one rank and on four, against dd on the same disk in the same run.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then
  cat <<EOF
Usage: bench/checkpoint.sh FOLDER [options of checkpoint-bench]

Builds the benchmark and runs it in a new folder FOLDER, on the disk to be measured, with 1 and 4
ranks. It needs twice the state there (1.3 GB at 1024x1024), and memory for it once a rank.
EOF
  exit 0
fi
folder=${1:?bench/checkpoint.sh needs a folder on the disk to be measured (--help)}
shift
cmake -S "$root" -B "$root/build" -DPGAN_BENCH=ON >/dev/null
cmake --build "$root/build" --target checkpoint-bench -- -j2
if [ "$(id -u)" -eq 0 ]; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
export OMP_NUM_THREADS=1
for ranks in 1 4; do
  mpirun --quiet --oversubscribe --bind-to none -np "$ranks" \
    "$root/build/bin/checkpoint-bench" --folder "$folder" "$@"
done
