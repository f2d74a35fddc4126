#!/usr/bin/env bash
# What averaging gradients costs on one host, against raw MPI_Allreduce in the same run.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then
  cat <<EOF
Usage: bench/allreduce.sh [options of allreduce-bench]

Builds the benchmark and runs it with 2 and 4 ranks of one thread on this machine. Its tables: buffers
of 64 KiB to 92 MB by raw MPI_Allreduce and by the project's communicator, in turn; the reducer over
the gradients of a 1024x1024 generator; how much of it hides behind matrix products. Medians; about
two minutes on cores that do nothing else, and meaningless on others. Between hosts: bench/scaling.sh.

Environment:
  PGAN_BIN   the folder of allreduce-bench; then nothing is built
EOF
  exit 0
fi
bin=${PGAN_BIN:-$root/build/bin}
if [ -z "${PGAN_BIN:-}" ]; then
  cmake -S "$root" -B "$root/build" -DPGAN_BENCH=ON >/dev/null
  cmake --build "$root/build" --target allreduce-bench -- -j2
fi
export OMP_NUM_THREADS=1
for ranks in 2 4; do
  "$root/launch/mpirun.sh" --quiet --oversubscribe -np "$ranks" "$bin/allreduce-bench" "$@"
done
