#!/usr/bin/env bash
# What the coordinator costs a step of 50 ms on 16 ranks, in processor time.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then
  cat <<EOF
Usage: bench/coordinator.sh [--steps N] [--step-ms N]

Builds the benchmark and runs it with 2, 4 and 16 ranks on this machine, about a minute.

Environment:
  PGAN_BIN   the folder of coordinator-bench; then nothing is built
EOF
  exit 0
fi
bin=${PGAN_BIN:-$root/build/bin}
if [ -z "${PGAN_BIN:-}" ]; then
  cmake -S "$root" -B "$root/build" -DPGAN_BENCH=ON >/dev/null
  cmake --build "$root/build" --target coordinator-bench -- -j2
fi
export OMP_NUM_THREADS=1
for ranks in 2 4 16; do
  "$root/launch/mpirun.sh" --quiet --oversubscribe -np "$ranks" "$bin/coordinator-bench" "$@"
done
