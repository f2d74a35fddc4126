#!/usr/bin/env bash
# launch/supervise.sh with a stand-in for the training: what it restarts and what not, its limits, whose words it
# repeats, signals, and processes that a start leaves behind. And what launch/slurm/train.sbatch requeues.
# Usage: supervise_script.sh SOURCE_ROOT
set -euo pipefail
supervise=$1/launch/supervise.sh batch=$1/launch/slurm/train.sbatch
dir=$(mktemp -d)
helper=
# shellcheck disable=SC2317  # called by the trap
finish() {
  [ -z "$helper" ] || kill -KILL "$helper" 2>/dev/null || true
  [ ! -e "$dir/leftover" ] || kill -KILL "$(cat "$dir/leftover")" 2>/dev/null || true
  rm -rf "$dir"
}
trap finish EXIT
export PLAN=$dir/plan CALLS=$dir/calls LEFTOVER=$dir/leftover
run=$dir/run

# Each call does the next line of the plan: STATE STATUS_CODE STEP CHECKPOINT EXIT_CODE [MESSAGE]. STATE none
# writes no status.json, CHECKPOINT - none; that of images-000000000050 is of step 50.
cat >"$dir/training" <<'EOF'
#!/usr/bin/env bash
set -euo pipefail
run=$2
mkdir -p "$run"
echo call >>"$CALLS"
read -r state status step checkpoint code message < <(sed -n "$(wc -l <"$CALLS")p" "$PLAN")
end() {
  touch "$run/log.txt"
  if [ "$checkpoint" != - ]; then
    mkdir -p "$run/$checkpoint"
    printf '{\n "config": {\n  "progress": "none"\n },\n "progress": {\n  "images": 1,\n  "step": %d\n },\n "step": 9999\n}\n' \
      "$((10#${checkpoint#images-}))" >"$run/$checkpoint/manifest.json"
  fi
  if [ "$state" != none ]; then
    printf '{\n  "state": "%s",\n  "exit_code": %s,\n  "message": "",\n  "step": %s\n}\n' "$state" "$status" "$step" \
      >"$run/status.json.new"
    mv "$run/status.json.new" "$run/status.json"
  fi
  [ -z "$message" ] || echo "$message" >&2
  exit "$code"
}
case $message in
  until-stopped | deaf-at-first)
    if [ "$message" = deaf-at-first ]; then
      trap '' USR1
      touch "$run/ready"
      sleep 2
    fi
    message=
    trap 'end' USR1
    trap 'exit 143' TERM INT
    touch "$run/ready"
    for _ in $(seq 150); do sleep 0.1; done
    exit 1
    ;;
  leaves-a-process)
    message=
    sleep 300 >/dev/null 2>&1 &
    echo $! >"$LEFTOVER"
    ;;
  killed-by-*)
    signal=${message#killed-by-} message=
    (end) || true
    kill -"$signal" $$
    ;;
  dies-of-USR1)
    mkdir -p "$run"
    touch "$run/ready"
    exec sleep 30
    ;;
esac
end
EOF
chmod +x "$dir/training"

fail() { echo "FAILED: $*"; cat "$dir/out"; exit 1; }
plan() { rm -rf "$run" "$CALLS"; cat >"$PLAN"; }
calls() { wc -l <"$CALLS"; }
says() { grep -qE -- "$1" "$dir/out" || fail "'$1' is missing"; }
# expect CODE CALLS OPTIONS...: of a supervised training.
expect() {
  local wanted=$1 times=$2 code=0
  shift 2
  timeout 50 "$supervise" --pause 0 "$@" -- "$dir/training" --run "$run" >"$dir/out" 2>&1 </dev/null || code=$?
  [ "$code" -eq "$wanted" ] || fail "exit code $code instead of $wanted"
  [ "$(calls)" -eq "$times" ] || fail "$(calls) start(s) instead of $times"
}
refused() {
  local code=0
  "$supervise" "${@:2}" >"$dir/out" 2>&1 </dev/null || code=$?
  [ "$code" -eq 2 ] || fail "exit code $code instead of 2: ${*:2}"
  says "$1"
}

"$supervise" --help >"$dir/out"
says "--restarts N"
refused "unknown option '--frobnicate'" --frobnicate
refused "expected a whole number" --restarts many -- true --run x
refused "needs a value" --same
refused "no command" --
refused "no --run DIR" -- true
refused "no program" -- "$dir/nothing" --run x

plan <<<"done 0 10 images-000000000100 0"
expect 0 1

# A killed rank, then a failure of its own, then the end; the codes of the launcher mean nothing.
plan <<'EOF'
running 0 5 images-000000000050 137 mpirun noticed that process rank 2 with PID 12 on node node7 exited on signal 9 (Killed).
failed 5 9 images-000000000080 1 pgan-train: error: rank 1 on node3: waited 5 s
running 0 12 images-000000000100 205 Remote daemon: [[1,0],1] on node node4
done 0 15 images-000000000150 1
EOF
expect 0 4
says "start 1 ended after [0-9]+ s with exit code 5 \(the command: 137\), last known step 50: .*rank 2 .* node7 .*going on from images-000000000050"
says "start 2 .* exit code 5 \(the command: 1\), last known step 80: rank 1 on node3"
says "start 3 .* lost node node4; going on from images-000000000100"
says "done after 3 restart"
grep -q "W supervise.sh: start 1 ended" "$run/log.txt" || fail "log.txt says nothing"

for hopeless in "none 0 0 - 2" "failed 2 0 - 2" "failed 6 9 images-000000000080 1" "stopped 75 9 images-000000000080 1"; do
  plan <<<"$hopeless"
  code=$(awk '{ print ($2 ? $2 : $5) }' <<<"$hopeless")
  expect "$code" 1
done

# Further each time, up to the limit.
seq 9 | sed 's/.*/failed 3 & images-00000000005& 3/' | plan
expect 3 3 --restarts 2
says "giving up after 2 restart"

# No further: the furthest step on record counts, of status.json or of the newest checkpoint.
seq 9 | sed 's/.*/failed 1 812 images-000000000512 1 pgan-train: error: rank 0 on a: vector::at/' | plan
expect 1 3
says "3 start\(s\) in a row came no further than step 812, checkpoint images-000000000512: giving up"
seq 9 | sed 's/.*/failed 5 0 images-000000000512 5/' | plan
expect 5 2 --same 2
says "exit code 5, last known step 512; 2 start\(s\) in a row came no further than step 512, checkpoint images-000000000512:"
seq 9 | sed 's/.*/none 0 0 - 1/' | plan
expect 1 2 --same 2
says "exit code 1; 2 start\(s\) in a row came no further than checkpoint none: giving up"

# Who was killed without a last word; and bash is not to speak of it.
plan <<'EOF'
running 0 4 images-000000000040 0 killed-by-KILL
running 0 4 images-000000000050 137
done 0 9 images-000000000060 0
EOF
expect 0 3
says "start 1 .* \(the command: 137\), last known step 40: the launcher was killed by signal 9; going on"
says "start 2 .* \(the command: 137\), last known step 50: a process was killed by signal 9; going on"
! grep -v "^supervise.sh: " "$dir/out" || fail "lines that are nobody's"

# A stop on request: with a checkpoint, during the pause, and without when asked twice.
supervised() {
  timeout 50 "$supervise" "$@" -- "$dir/training" --run "$run" >"$dir/out" 2>&1 </dev/null &
  helper=$!
  for _ in $(seq 100); do [ ! -e "$run/$wait_for" ] || break; sleep 0.1; done
  sleep 0.2
}
ended_with() {
  local code=0
  wait "$helper" || code=$?
  helper=
  [ "$code" -eq "$1" ] || fail "exit code $code instead of $1 after a signal"
}
wait_for=ready
for signal in TERM USR1; do
  plan <<<"stopped 75 4 images-000000000040 1 until-stopped"
  supervised
  kill -$signal "$(pgrep -P "$helper")"
  ended_with 75
  [ "$(calls)" -eq 1 ] || fail "restarted after SIG$signal"
done
# A request that the launcher lost is made again.
plan <<<"stopped 75 4 images-000000000040 1 deaf-at-first"
supervised
kill -TERM "$(pgrep -P "$helper")"
ended_with 75
# Ranks that have no handler yet die of the request: the launcher says so with its code, or dies itself.
for plan in "none 0 0 - 0 dies-of-USR1" "none 0 0 - 138 until-stopped" "failed 5 4 - 138 until-stopped"; do
  plan <<<"$plan"
  supervised
  kill -TERM "$(pgrep -P "$helper")"
  ended_with 75
  says "^supervise.sh: stopped on request while it started, with nothing lost; the same call goes on from the beginning"
  [ "$(wc -l <"$dir/out")" -eq 1 ] || fail "more than one line"
done
plan <<<"failed 2 0 - 2 until-stopped"
supervised
kill -USR1 "$(pgrep -P "$helper")"
ended_with 2
plan <<<"none 0 0 - 138"
expect 138 1 --restarts 0

plan <<<"failed 5 4 images-000000000040 5"
wait_for=status.json
supervised --pause 30
kill -INT "$(pgrep -P "$helper")"
ended_with 75
says "stopped on request before restart 1"

# What a start leaves behind is ended before the next.
plan <<'EOF'
running 0 4 images-000000000040 137 leaves-a-process
done 0 9 images-000000000050 0
EOF
expect 0 2
says "ending 1 process"
! grep -qs '^State:[[:space:]]*[RSDTt]' "/proc/$(cat "$LEFTOVER")/status" || fail "the process is still there"

# A batch job goes back into the queue after a failure that another start may mend, up to its limit.
mkdir "$dir/bin"
printf '#!/usr/bin/env bash\nexec "%s" --run "%s"\n' "$dir/training" "$run" >"$dir/bin/mpirun"
export ASKED=$dir/asked
cat >"$dir/bin/scontrol" <<'EOF'
#!/usr/bin/env bash
[[ $1 != -o ]] || echo "JobId=1 JobState=RUNNING "
echo "scontrol $*" >>"$ASKED"
EOF
cp "$dir/bin/mpirun" "$dir/bin/pgan-train"
chmod +x "$dir/bin/"*
# batch_job CODE START REQUEUED: the first start is 0.
batch_job() {
  local code=0 requeued=no
  rm -f "$ASKED"
  env -u SLURM_ARRAY_TASK_ID PATH="$dir/bin:$PATH" PGAN_BIN="$dir/bin" PGAN_LAUNCHER=mpirun PGAN_SETUP='' PGAN_MAX_STARTS=2 \
    SLURM_JOB_ID=1 SLURM_JOB_NODELIST=n1 SLURM_RESTART_COUNT="$2" timeout 50 bash "$batch" --run "$run" >"$dir/out" 2>&1 ||
    code=$?
  [ "$code" -eq "$1" ] || fail "train.sbatch: exit code $code instead of $1"
  ! grep -qs "^scontrol requeue 1" "$ASKED" || requeued=yes
  [ "$requeued" = "$3" ] || fail "train.sbatch, start $2: requeued: $requeued, expected $3"
}
for code in 1 3 4 5 137; do
  seq 3 | sed "s/.*/failed $code & - $code/" | plan
  batch_job "$code" 0 yes
  says "the run failed with exit code $code; newest checkpoint none; requeued"
  batch_job "$code" 1 no
  says "gave up: 2 starts in a row without a newer checkpoint than none, the last with exit code $code;"
done
for code in 2 6; do
  plan <<<"failed $code 0 - $code"
  batch_job "$code" 0 no
  says "exit code $code, which another start does not mend"
done
echo "supervise.sh restarts, gives up and stops as it should"
