#!/usr/bin/env bash
# Installs, builds, and runs all tests. Arguments go to ctest: tests/run.sh -L unit, -R pack, ...
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then
  cat <<EOF
Usage: tests/run.sh [arguments of ctest]

Installs what is missing, builds everything (launch/install.sh --tests) and runs the tests.
  tests/run.sh -L unit              only tests with the label unit (also: ranks, faults, cluster, house)
  tests/run.sh -R pack              only tests whose name contains "pack"
  tests/run.sh --output-junit FILE  also write the results as JUnit XML

The tests with the label faults kill, starve and damage runs; longer: PGAN_FAULT_KILLS=200,
PGAN_FAULT_CORRUPTIONS=1000, PGAN_FAULTS_ALL=1.

The tests with the label cluster make hosts and Slurm clusters on this machine. They need root, and
launch/install.sh --cluster first; where they cannot run they are skipped and say why.

Environment: CI=true makes warnings errors; PGAN_INSTALL_ARGS is passed to install.sh (--user);
PGAN_TEST_DATA is a folder of real images (default: ../shared/data; tests without it are skipped).
Exit status: 0 when every test passed.
EOF
  exit 0
fi

# shellcheck disable=SC2086  # several options in one variable
"$root/launch/install.sh" --tests ${PGAN_INSTALL_ARGS:-}

if [ "$(id -u)" -eq 0 ]; then
  echo "Running as root: OMPI_ALLOW_RUN_AS_ROOT is set for the tests that use mpirun."
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
# One test a core, but never fewer than 2: tests of several ranks spend their time waiting.
jobs=$(nproc)
[ "$jobs" -ge 2 ] || jobs=2
exec ctest --test-dir "$root/build" --output-on-failure --no-tests=error --timeout 300 \
  --parallel "$jobs" "$@" </dev/null
