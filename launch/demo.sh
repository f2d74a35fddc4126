#!/usr/bin/env bash
# From nothing to a trained GAN: installs, draws faces, packs them, trains on 2 ranks from 4x4 to 32x32.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
ranks=2
count=4000
size=64
resolution=32

usage() {
  cat <<EOF
Usage: launch/demo.sh [--fresh] [--run DIR] [-- OPTIONS OF pgan-train]

Installs and builds (launch/install.sh), draws $count labelled faces, packs them, and trains a
Progressive GAN on $ranks ranks, growing 4 -> 8 -> 16 -> $resolution in about 5 minutes on 2 cores.
Nothing is done twice: a second call continues a stopped run, or shows the results of a finished one.
Ctrl-C stops with a checkpoint.

  --fresh      delete the demo's run and train anew (the faces are kept)
  --run DIR    the run's folder (default: checkpoints/demo)
  --help       this text

Exit status: that of pgan-train; 75 when stopped with a checkpoint.
EOF
}

die() {
  printf 'demo.sh: %s\n' "$*" >&2
  exit 2
}

fresh=no run=
while [ $# -gt 0 ]; do
  case $1 in
    --fresh) fresh=yes ;;
    --run)
      [ $# -ge 2 ] || die "--run needs a folder; see --help"
      run=$(realpath -m -- "$2")
      shift
      ;;
    --help | -h)
      usage
      exit 0
      ;;
    --)
      shift
      break
      ;;
    *) die "unknown option '$1'; see --help" ;;
  esac
  shift
done
extra=("$@")

if [ -f "$root/CMakeLists.txt" ]; then
  "$root/launch/install.sh"
  bin=$root/build/bin
  home=$root
else # an installed copy: PREFIX/share/pgan-train/launch
  bin=$(cd "$root/../../bin" && pwd)
  home=$PWD/pgan-demo
fi
run=${run:-$home/checkpoints/demo}
faces=$home/datasets/demo-faces-${count}x$size
cache=${PGAN_CACHE:-$HOME/.cache/pgan}
pack=$home/datasets/demo-pack-${count}x$resolution
status_file=$run/status.json
again=$root/launch/demo.sh
[ "$run" = "$home/checkpoints/demo" ] || again+=" --run $run"

state_of_run() { sed -n 's/.*"state": *"\([a-z]*\)".*/\1/p' "$status_file" 2>/dev/null | head -n 1; }

# made DIR COMMAND...: pgan-data gives the folder its name only once it is whole.
made() {
  local folder=$1 began=$SECONDS
  shift
  if [ -d "$folder" ]; then
    printf '%-44s already there\n' "$(basename "$folder")"
    return
  fi
  mkdir -p "$(dirname "$folder")"
  "$@" >/dev/null
  printf '%-44s %4d s\n' "$(basename "$folder")" $((SECONDS - began))
}

# --quiet: mpirun's page about ranks that return 75. No odls_base_sigkill_timeout: mpirun sleeps twice
# as long whenever a rank ends with an error, and a stop goes by SIGUSR1, which kills nobody.
mpirun_command=(mpirun --quiet -np "$ranks" --bind-to none
  # Containers forbid the system call behind it, and Open MPI complains at each message.
  --mca btl_vader_single_copy_mechanism none)
cores=$(lscpu -p=CORE,SOCKET 2>/dev/null | grep -v '^#' | sort -u | wc -l)
if [ "$cores" -lt $ranks ] || [ "$(nproc)" -lt $ranks ]; then mpirun_command+=(--oversubscribe); fi
train_command=("$bin/pgan-train" --preset demo --data "$pack" --run "$run" --resume auto --threads 1)
[ ${#extra[@]} -eq 0 ] || train_command+=("${extra[@]}")

show_results() {
  local sheet checkpoint longer
  # shellcheck disable=SC2012  # the names are ours: fakes-000600.png, images-000000600000
  sheet=$(ls "$run"/samples/fakes-*.png 2>/dev/null | sort | tail -n 1 || true)
  # shellcheck disable=SC2012
  checkpoint=$(ls -d "$run"/images-*[0-9] 2>/dev/null | sort | tail -n 1 || true)
  longer=$(awk '$1 == "total-kimg" && $2 == "=" { print 2 * $3 }' "$run/config.ini" 2>/dev/null || true)
  cat <<EOF

  Sample sheet   ${sheet:-none yet}
  Real faces     $run/samples/reals.png
  Checkpoint     ${checkpoint:-none yet}

  More faces     $bin/pgan-sample --checkpoint $run --out faces.png --seeds 0-63
  Train longer   ${mpirun_prefix}${mpirun_command[*]} ${train_command[*]} --total-kimg ${longer:-200}
  Resume         $again
  Watch          python3 -m venv $cache/tensorboard
                 $cache/tensorboard/bin/pip install tensorboard
                 $cache/tensorboard/bin/tensorboard --logdir $run
EOF
}

mpirun_prefix=
if [ "$(id -u)" -eq 0 ]; then
  echo "Running as root: OMPI_ALLOW_RUN_AS_ROOT is set, as Open MPI asks for (in a container that is usual)."
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  mpirun_prefix="OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 "
fi

if [ "$fresh" = yes ] && [ -e "$run" ]; then
  [ -e "$run/config.ini" ] || die "$run is no run's folder; --fresh would delete it. Remove it yourself, or choose another --run"
  rm -rf "$run"
fi
made "$faces" "$bin/pgan-data" synth --count $count --size $size --seed 1 --out "$faces"
made "$pack" "$bin/pgan-data" pack --from "$faces" --resolution $resolution --out "$pack"

if [ "$(state_of_run)" = "done" ] && [ ${#extra[@]} -eq 0 ]; then
  echo "The demo's run is done already; --fresh trains anew."
  show_results
  exit 0
fi
[ ! -e "$status_file" ] || echo "Continuing the run in $run"

# mpirun in a session of its own: a terminal's Ctrl-C would make it kill the ranks, while SIGUSR1 is
# passed on to them and means "checkpoint, then stop". A second Ctrl-C ends it without.
signals=0
# shellcheck disable=SC2317  # called by the trap
stop() {
  signals=$((signals + 1))
  if [ "$signals" -eq 1 ]; then
    echo
    echo "Stopping with a checkpoint; once more to stop without."
    kill -USR1 "$job" 2>/dev/null || true
  else
    kill -TERM "$job" 2>/dev/null || true
  fi
}
[ ! -t 2 ] || train_command+=(--progress bar)
began=$SECONDS
job=
trap stop INT TERM HUP
setsid "${mpirun_command[@]}" "${train_command[@]}" </dev/null &
job=$!
# A trapped signal ends wait early, with a status that is not the job's: wait again.
seen=-1
while [ "$seen" -ne "$signals" ]; do
  seen=$signals
  status=0
  wait "$job" || status=$?
done
trap - INT TERM HUP

case $status in
  0) echo "Trained in $(((SECONDS - began) / 60)) min $(((SECONDS - began) % 60)) s." ;;
  75) echo "Stopped with a checkpoint." ;;
  *)
    {
      echo "demo.sh: the training ended with status $status; what it said is above and in $run/log.txt."
      echo "Nothing there? mpirun's own words: ${mpirun_prefix}${mpirun_command[*]/--quiet/} ${train_command[*]}"
      echo "To continue from the newest checkpoint: $again"
    } >&2
    exit "$status"
    ;;
esac
show_results
exit "$status"
