# Sourced by slurm_test.sh: submitting, waiting and comparing.
# shellcheck shell=bash disable=SC2154  # source_dir is slurm_test.sh's

scratch=$PGAN_SLURM_SCRATCH
batch=$source_dir/launch/slurm/train.sbatch
pack=$scratch/pack
PGAN_LAUNCHER=mpirun
export PGAN_LAUNCHER

fail() {
  {
    echo "FAILED: $*"
    tail -n 40 "$scratch"/job-*.out "$scratch"/log/slurmctld || true
    squeue --states=all || true
  } >&2
  exit 1
}

make_pack() {
  {
    "$PGAN_BIN/pgan-data" synth --count 64 --size 16 --seed 1 --out "$scratch/faces"
    "$PGAN_BIN/pgan-data" pack --from "$scratch/faces" --resolution 16 --out "$pack"
  } >"$scratch/pack.out" 2>&1 || true
  [ -d "$pack" ] || fail "no pack to train on: $(cat "$scratch/pack.out")"
}

# A line of the curve every step.
small=(--data "$pack" --resolution 8 --fmap-base 64 --fmap-max 8 --latent 8 --minibatch 16
  --stable-kimg 0.048 --fade-kimg 0.064 --tick-kimg 0.016 --progress none)
checkpoint_kimg=0.32

# submit OPTIONS OF SBATCH -- OPTIONS OF pgan-train: prints the job's number.
submit() {
  local options=()
  while [ "$1" != -- ]; do
    options+=("$1")
    shift
  done
  shift
  # %A_%a of a plain job is its number and 4294967294: named apart.
  local name="job-%j.out"
  [[ " ${options[*]} " != *" --array="* ]] || name="job-%A_%a.out"
  (cd "$scratch/tmp" && sbatch --parsable --cpus-per-task=1 --output="$scratch/$name" "${options[@]}" \
    "$batch" "${small[@]}" --checkpoint-kimg "$checkpoint_kimg" "$@") || fail "sbatch refused"
}

log_of() { cat "$scratch/job-$1.out" 2>/dev/null || true; }

until_log() { # JOB PATTERN SECONDS
  local deadline=$((SECONDS + $3))
  until log_of "$1" | grep -q -- "$2"; do
    [ "$SECONDS" -lt "$deadline" ] || fail "job $1: no '$2' in its log after $3 s"
    sleep 0.2
  done
}

finish() { # JOB SECONDS
  local deadline=$((SECONDS + $2))
  while [ -n "$(squeue --noheader --states=PENDING,RUNNING,SUSPENDED,COMPLETING,CONFIGURING --jobs="$1" 2>/dev/null)" ]; do
    [ "$SECONDS" -lt "$deadline" ] || fail "job $1 has not ended after $2 s"
    sleep 0.5
  done
}

expect_state() {
  scontrol --oneliner show job "$1" | grep -q " JobState=$2 " ||
    fail "job $1: expected $2, found $(scontrol --oneliner show job "$1" | grep -o ' JobState=[A-Z_]*')"
}

expect_log() {
  local job=$1 pattern
  shift
  for pattern in "$@"; do
    log_of "$job" | grep -q -- "$pattern" || fail "job $job: no '$pattern' in its log"
  done
}

starts() { log_of "$1" | grep -c '^train.sbatch: start ' || true; }
expect_starts() { [ "$(starts "$1")" -eq "$2" ] || fail "job $1: $(starts "$1") starts, expected $2"; }

refused() { # PATTERN COMMAND...: exit 2, the message once
  local pattern=$1 status=0
  shift
  "$@" >"$scratch/refused.out" 2>&1 || status=$?
  [ "$status" -eq 2 ] || fail "exit code $status, expected 2, of: $* -- $(cat "$scratch/refused.out")"
  [ "$(grep -c -- "$pattern" "$scratch/refused.out")" -eq 1 ] ||
    fail "expected '$pattern' once, of: $* -- $(cat "$scratch/refused.out")"
}

set_link() { nsenter --target "$(cat "$scratch/holder-$1")" --net ip link set eth0 "$2"; }

# The same training on one host, outside of Slurm: into never/.
never_stopped() {
  mpirun -np 2 --oversubscribe --bind-to none "$PGAN_BIN/pgan-train" "${small[@]}" --checkpoint-kimg "$checkpoint_kimg" \
    --run "$scratch/never" --total-kimg "$1" --threads 1 >"$scratch/never.out" 2>&1
}

# Curves equal but for times and memory, and equal weights to the bit.
same_training() {
  python3 "$here/same_curves.py" "$1" "$2" || fail "the curves of $1 and $2 differ"
  "$PGAN_BIN/pgan-checkpoint" diff "$1" "$2" >"$scratch/diff.out" 2>&1 ||
    fail "pgan-checkpoint diff $1 $2: $(cat "$scratch/diff.out")"
  ! grep -vE ' 0 differ$' "$scratch/diff.out" || fail "the weights of $1 and $2 differ"
}
