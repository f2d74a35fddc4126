#!/usr/bin/env bash
# launch/demo.sh as an installed copy, with stand-ins for the programs under the real mpirun: trains,
# is stopped by Ctrl-C's signal with a checkpoint, continues, and shows a finished run again.
# Usage: demo_script.sh SOURCE_ROOT
set -euo pipefail
command -v mpirun >/dev/null || { echo "skipped: no mpirun"; exit 77; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/bin" "$dir/share/pgan-train/launch"
cp "$1/launch/demo.sh" "$dir/share/pgan-train/launch/"

cat >"$dir/bin/pgan-data" <<'EOF'
#!/usr/bin/env bash
set -euo pipefail
echo "$1" >>"$DEMO_TEST/calls"
mkdir -p "${@: -1}"
EOF
# Runs until `finish` exists or SIGUSR1 comes; rank 0 keeps the run's folder.
cat >"$dir/bin/pgan-train" <<'EOF'
#!/usr/bin/env bash
set -euo pipefail
while [ "$1" != --run ]; do shift; done
end() {
  if [ "$OMPI_COMM_WORLD_RANK" = 0 ]; then
    mkdir -p "$run/samples" "$run/images-000000064000"
    touch "$run/samples/fakes-000064.png" "$run/config.ini"
    printf '{\n  "state": "%s"\n}\n' "$1" >"$run/status.json"
  fi
  exit "$2"
}
run=$2
trap 'end stopped 75' USR1
[ "$OMPI_COMM_WORLD_RANK" != 0 ] || touch "$DEMO_TEST/training"
until [ -e "$DEMO_TEST/finish" ]; do sleep 0.1; done
end done 0
EOF
chmod +x "$dir"/bin/*
export DEMO_TEST=$dir
cd "$dir"
demo=$dir/share/pgan-train/launch/demo.sh

fail() { echo "FAILED: $*"; cat "$dir/out"; exit 1; }
says() { grep -qF -- "$1" "$dir/out" || fail "'$1' is missing"; }

setsid "$demo" >"$dir/out" 2>&1 </dev/null &
pid=$!
for _ in $(seq 200); do [ -e "$dir/training" ] && break; sleep 0.1; done
sleep 0.5
kill -TERM "$pid"
status=0
wait "$pid" || status=$?
[ "$status" -eq 75 ] || fail "status $status instead of 75 after a stop"
says "Stopped with a checkpoint."
says "$dir/pgan-demo/checkpoints/demo/images-000000064000"
says "$demo"

touch "$dir/finish"
"$demo" >"$dir/out" 2>&1 </dev/null || fail "the second call failed"
says "Continuing the run"
says "fakes-000064.png"
says "tensorboard --logdir"
says "already there"
[ "$(sort "$dir/calls" | tr '\n' ' ')" = "pack synth " ] || fail "the data was made twice"

rm "$dir/training"
"$demo" >"$dir/out" 2>&1 </dev/null || fail "the third call failed"
says "is done already"
[ ! -e "$dir/training" ] || fail "a finished run was trained again"
"$demo" --fresh >"$dir/out" 2>&1 </dev/null || fail "--fresh failed"
[ -e "$dir/training" ] || fail "--fresh did not train"

mkdir "$dir/precious"
if "$demo" --fresh --run "$dir/precious" >"$dir/out" 2>&1 </dev/null; then fail "--fresh took a folder that is no run's"; fi
[ -d "$dir/precious" ] || fail "--fresh deleted a folder that is no run's"
echo "demo.sh trains, stops, continues and shows"
