# Sourced after hosts.sh: a small training over hosts, what is done to it, and what is seen of its end.
# shellcheck shell=bash disable=SC2154

programs=${PGAN_BIN:-$hosts_source/build/bin}

make_pack() {
  expect_code 0 "$programs/pgan-data" synth --out "$hosts_dir/faces" --count 40 --size 8 --seed 1
  expect_code 0 "$programs/pgan-data" pack --from "$hosts_dir/faces" --out "$hosts_dir/pack"
}

# train RUN OPTIONS...: sets ${train[@]}: a network that grows from 4 to 8 pixels, 16 images a step, a line of
# stats.jsonl for each step, a checkpoint every second.
train() {
  local run=$1
  shift
  # shellcheck disable=SC2034  # for the test
  train=("$programs/pgan-train" --data "$hosts_dir/pack" --run "$run" --resolution 8 --fmap-base 64 --fmap-max 8
    --latent 8 --minibatch 16 --stable-kimg 0.048 --fade-kimg 0.064 --total-kimg 100 --tick-kimg 0.016
    --checkpoint-kimg 0.032 --snapshot-kimg 0 --threads 1 --loader-threads 1 --seed 5 --progress none "$@")
}

# expect_code CODE COMMAND...: what it says is shown when it ends otherwise.
expect_code() {
  local wanted=$1 code=0
  shift
  "$@" >"$hosts_dir/command.out" 2>&1 </dev/null || code=$?
  [ "$code" -eq "$wanted" ] || fail "exit code $code instead of $wanted: $*"
}

# same_weights RUN RUN: of their newest checkpoints, every bit.
same_weights() {
  "$programs/pgan-checkpoint" diff "$1" "$2" >"$hosts_dir/diff.out" 2>&1 || fail "pgan-checkpoint diff $1 $2"
  ! grep -vE ' 0 differ$' "$hosts_dir/diff.out" || fail "the weights of $1 and $2 differ"
}

steps_of() { [ ! -e "$1/stats.jsonl" ] || wc -l <"$1/stats.jsonl"; }
trained() { [ "$(steps_of "$1")" -ge "$2" ] 2>/dev/null; }

checkpoints_of() {
  local manifest
  for manifest in "$1"/images-*[0-9]/manifest.json; do
    [ ! -e "$manifest" ] || basename "$(dirname "$manifest")"
  done
}
newest_of() { checkpoints_of "$1" | tail -n 1; }

# field RUN NAME: of status.json
field() { sed -nE "s/^ *\"$2\": *\"?(.*[^,\"])\"?,?\$/\1/p" "$1/status.json" 2>/dev/null; }

# pid_of_rank RANK: mpirun gives each rank its number.
pid_of_rank() {
  local pid
  for pid in $(processes pgan-train); do
    if tr '\0' '\n' <"/proc/$pid/environ" 2>/dev/null | grep -qx "OMPI_COMM_WORLD_RANK=$1"; then
      echo "$pid"
      return
    fi
  done
}

nobody_left() { [ -z "$(processes pgan-train; processes orted; processes mpirun)" ]; }

# see_end BEGAN SECONDS: waits for $job and every rank and daemon on every host to be gone; sets $code and $seconds since
# BEGAN (of now_ms). Fails when they are still there after SECONDS.
see_end() {
  local began=$1 limit=$2
  code=0
  until nobody_left; do
    [ $(($(now_ms) - began)) -lt $((limit * 1000)) ] || return 1
    sleep 0.1
  done
  # shellcheck disable=SC2034
  seconds=$(awk "BEGIN { printf \"%.1f\", ($(now_ms) - $began) / 1000 }")
  { wait "$job" || code=$?; } 2>/dev/null # without bash's words about a killed job
}

end_all() {
  local pids
  mapfile -t pids < <(processes mpirun; processes orted; processes pgan-train)
  [ ${#pids[@]} -eq 0 ] || kill -KILL "${pids[@]}" 2>/dev/null || true
}
