#!/usr/bin/env bash
# launch/slurm/train.sbatch, submitted to a real Slurm of two nodes.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source_dir=${PGAN_SOURCE:-$(cd "$here/../.." && pwd)}
export PGAN_BIN=${PGAN_BIN:-$source_dir/build/bin}
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMP_NUM_THREADS=1
cases=(launchers array limits signals link)

usage() {
  cat <<END
Usage: tests/cluster/slurm_test.sh CASE

  launchers  mpirun and srun --mpi=pmix over two nodes; what is refused; a cancelled job
  array      a job array, one index of it preempted; beside it a crash loop, which must stop
  limits     a job that needs at least three time limits: the curve of one that was never stopped
  signals    a job under srun, preempted at random moments, likewise
  link       the link between the nodes cut for a while, likewise

Environment: PGAN_BIN, the folder of the programs (default: build/bin); PGAN_SOURCE, the checkout;
SEED of the random moments. Exit status: 0 passed, 77 skipped with the reason, else failed.
END
}

case ${1:-} in
  --help | -h)
    usage
    exit 0
    ;;
esac
if [ $# -ne 1 ] || [[ " ${cases[*]} " != *" ${1:-} "* ]]; then
  echo "slurm_test.sh: expected one of: ${cases[*]}; see --help" >&2
  exit 2
fi
if [ -z "${PGAN_SLURM_SCRATCH:-}" ]; then
  # A slow link sets the pace (some 28 kB a step), so that fast machines need as long as slow ones.
  [ "$1" = launchers ] || export PGAN_SLURM_RATE=1mbit
  exec "$here/slurm_cluster.sh" "${BASH_SOURCE[0]}" "$1"
fi

# shellcheck source=tests/cluster/slurm_steps.sh
. "$here/slurm_steps.sh"

test_launchers() {
  local job
  job=$(submit --nodes=2 --ntasks-per-node=1 -- --run "$scratch/mpirun" --total-kimg 0.5)
  finish "$job" 60
  expect_state "$job" COMPLETED
  expect_log "$job" '2 ranks on n\[1-2\] by mpirun'
  expect_log "$job" 'transport mpi' 'done at kimg 0\.5'

  PGAN_LAUNCHER=srun
  job=$(submit --nodes=2 --ntasks-per-node=1 -- --run "$scratch/srun" --total-kimg 0.5)
  finish "$job" 60
  expect_state "$job" COMPLETED
  expect_log "$job" '2 ranks on n\[1-2\] by srun' 'run .*: 2 rank'
  same_training "$scratch/mpirun" "$scratch/srun"

  PGAN_LAUNCHER=mpirun
  refused 'SLURM_NTASKS promises 2 ranks, but MPI sees 1' \
    srun --quiet --mpi=none --ntasks=2 --nodes=1 "$PGAN_BIN/pgan-train" --data "$pack" --run "$scratch/none"
  refused 'submit it with sbatch' env -u SLURM_JOB_ID "$batch" --run "$scratch/none"
  refused 'no --run DIR' env SLURM_JOB_ID=1 "$batch" --data "$pack"
  refused 'same folder for every index' env SLURM_JOB_ID=1 SLURM_ARRAY_TASK_ID=1 "$batch" --run "$scratch/none"
  refused 'index of a job array' env SLURM_JOB_ID=1 "$batch" --run "$scratch/none-%a"
  refused 'expected mpirun or srun' env SLURM_JOB_ID=1 PGAN_LAUNCHER=ssh "$batch" --run "$scratch/none"
  refused 'is no program' env SLURM_JOB_ID=1 PGAN_BIN="$scratch" "$batch" --run "$scratch/none"

  # A mistake in an option is not tried again.
  job=$(submit --nodes=1 --ntasks-per-node=1 -- --run "$scratch/typo" --total-kimgs 1)
  finish "$job" 60
  expect_state "$job" FAILED
  expect_log "$job" 'exit code 2, which another start does not mend'

  # Who asks for the end is not sent back into the queue.
  job=$(submit --nodes=1 --ntasks-per-node=1 -- --run "$scratch/asked" --total-kimg 1000)
  until_log "$job" 'checkpoint images-' 60
  touch "$scratch/asked/stop"
  finish "$job" 60
  expect_starts "$job" 1
  expect_log "$job" 'stopped by .*/asked/stop with images-'
  scontrol --oneliner show job "$job" | grep -q ' ExitCode=75:0 ' || fail "job $job: expected exit code 75"

  # Nor does a cancelled job come back.
  job=$(submit --nodes=2 --ntasks-per-node=1 -- --run "$scratch/cancelled" --total-kimg 1000)
  until_log "$job" 'checkpoint images-' 60
  scancel "$job"
  finish "$job" 60
  expect_state "$job" CANCELLED
  expect_starts "$job" 1
  "$PGAN_BIN/pgan-checkpoint" verify "$scratch/cancelled" >/dev/null || fail "no whole checkpoint is left"
}

test_array() {
  local array loop index
  # A program that is killed before its first checkpoint, at each start.
  mkdir "$scratch/killed"
  printf '#!/bin/sh\nexec timeout --signal=KILL 4 "%s/pgan-train" "$@"\n' "$PGAN_BIN" >"$scratch/killed/pgan-train"
  chmod +x "$scratch/killed/pgan-train"
  loop=$(PGAN_MAX_STARTS=3 PGAN_BIN=$scratch/killed checkpoint_kimg=0 submit --ntasks-per-node=1 -- --run "$scratch/loop" --total-kimg 1000)
  array=$(submit --array=1-2 --nodes=2 --ntasks-per-node=1 -- --run "$scratch/seed-%a" --seed %a --total-kimg 0.8)

  until_log "${array}_2" 'checkpoint images-' 60
  scancel --signal=USR1 --batch "${array}_2"
  finish "$array" 120
  for index in 1 2; do
    expect_state "${array}_$index" COMPLETED
    grep -qE "^seed *= *$index\$" "$scratch/seed-$index/config.ini" || fail "index $index has another seed"
    expect_starts "${array}_$index" "$index"
  done
  expect_log "${array}_2" 'stopped with images-[0-9]*; requeued' 'resuming from .*/seed-2/images-'

  finish "$loop" 120
  expect_state "$loop" FAILED
  expect_starts "$loop" 3
  expect_log "$loop" 'gave up: 3 starts in a row without a newer checkpoint than none'
}

# Slurm looks for due signals every 30 s, and here each look finds one due: no start trains longer. The
# link lets 300 steps pass in 65 s at the least.
test_limits() {
  local job
  never_stopped 4.8 &
  job=$(submit --nodes=2 --ntasks-per-node=1 --time=1 --signal=B:USR1@40 -- --run "$scratch/stopped" --total-kimg 4.8)
  finish "$job" 240
  wait "$!" || fail "the run that was never stopped failed: $(cat "$scratch/never.out")"
  expect_state "$job" COMPLETED
  [ "$(starts "$job")" -ge 3 ] || fail "$(starts "$job") starts, expected 3 or more"
  expect_log "$job" 'SIGUSR1 after' 'stopped with images-[0-9]*; requeued' 'resuming from'
  same_training "$scratch/never" "$scratch/stopped"
}

test_signals() {
  local job start
  RANDOM=${SEED:-$$}
  never_stopped 2.4 &
  PGAN_LAUNCHER=srun
  job=$(submit --nodes=2 --ntasks-per-node=1 -- --run "$scratch/stopped" --total-kimg 2.4)
  for start in 1 2; do
    until_log "$job" "start $start of job" 60
    local moment=$((RANDOM % 8000))
    echo "signal $((moment / 1000)).$((moment % 1000 / 100)) s into start $start"
    sleep "$(printf '%d.%03d' $((moment / 1000)) $((moment % 1000)))"
    scancel --signal=USR1 --batch "$job"
  done
  finish "$job" 120
  wait "$!" || fail "the run that was never stopped failed: $(cat "$scratch/never.out")"
  expect_state "$job" COMPLETED
  expect_starts "$job" 3
  same_training "$scratch/never" "$scratch/stopped"
}

test_link() {
  local job cut
  never_stopped 1.2 &
  job=$(submit --nodes=2 --ntasks-per-node=1 -- --run "$scratch/cut" --total-kimg 1.2)
  until_log "$job" 'checkpoint images-0*640 saved' 60
  cut=$SECONDS
  set_link n2 down
  until_log "$job" '; requeued' 20
  echo "the job ended $((SECONDS - cut)) s after the cut"
  set_link n2 up
  finish "$job" 120
  wait "$!" || fail "the run that was never stopped failed: $(cat "$scratch/never.out")"
  expect_state "$job" COMPLETED
  expect_starts "$job" 2
  expect_log "$job" 'the run failed with exit code' 'resuming from'
  same_training "$scratch/never" "$scratch/cut"
}

make_pack
"test_$1"
echo "passed: $1"
