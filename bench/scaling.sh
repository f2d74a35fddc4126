#!/usr/bin/env bash
# Measures how a training step grows with ranks and with the link between hosts, fits the model of
# docs/scaling.md to it, and prints both.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
rounds=2
steps=50
traced=10
rows=4          # images a rank and step
shares=(20 45 70 140) # the reduction alone, in percent of a step's own work; sets the link's speed
held_back=45
one_host=no
out=

usage() {
  cat <<EOF
Usage: bench/scaling.sh [--rounds N] [--out DIR] [--one-host] [--fit DIR]

Trains a small 64x64 Progressive GAN for $((steps + traced)) steps with 1, 2 and 4 ranks of one thread here, with one rank
of two threads, and with two hosts (namespaces of this machine; needs root) of a rank each over a link that is free, and one that
is limited so that averaging the gradients alone takes ${shares[*]} % of a step's own work. Then fits the
model of docs/scaling.md, leaving out the run at $held_back %, which is compared with what the model says of it.
About five minutes on cores that do nothing else; on others the numbers mean nothing.

  --rounds N   how often each is run; the middle counts (default: $rounds)
  --out DIR    a new folder that keeps the runs (default: none are kept)
  --one-host   leave the two hosts out: no root needed, and no fit
  --fit DIR    fit and print what an earlier call kept in DIR; nothing is run
  --help       this text

Environment:
  PGAN_BIN     the folder of the programs, allreduce-bench among them; then nothing is built
EOF
}

die() {
  printf 'scaling.sh: %s\n' "$*" >&2
  exit 2
}

arguments=("$@")
while [ $# -gt 0 ]; do
  case $1 in
    --rounds | --out | --fit)
      [ $# -ge 2 ] || die "$1 needs a value; see --help"
      case $1 in
        --rounds) rounds=$2 ;;
        --out) out=$(realpath -m -- "$2") ;;
        --fit)
          [ -d "$2" ] || die "--fit $2: no such folder"
          exec python3 "$root/bench/scaling_fit.py" "$2" "$held_back"
          ;;
      esac
      shift
      ;;
    --one-host) one_host=yes ;;
    --help | -h)
      usage
      exit 0
      ;;
    *) die "unknown option '$1'; see --help" ;;
  esac
  shift
done
[[ $rounds =~ ^[1-9][0-9]?$ ]] || die "--rounds $rounds: expected 1 to 99"
command -v python3 >/dev/null || die "python3 is needed for the fit; install it"
inside=${PGAN_HOSTS_DIR:-} # set where the namespaces are entered, which starts this script again
[ -z "$out" ] || [ -n "$inside" ] || [ ! -e "$out" ] || die "--out $out exists: expected a new folder"

if [ -z "${PGAN_BIN:-}" ] && [ -z "$inside" ]; then
  cmake -S "$root" -B "$root/build" -DPGAN_BENCH=ON >/dev/null
  cmake --build "$root/build" --target pgan-train pgan-data allreduce-bench -- -j2
fi
export PGAN_BIN=${PGAN_BIN:-$root/build/bin}
if [ "$one_host" = no ]; then
  [ "$(id -u)" -eq 0 ] || die "two hosts in network namespaces need root; give --one-host to do without"
  # shellcheck source=tests/cluster/hosts.sh
  . "$root/tests/cluster/hosts.sh"
  hosts_enter "$0" ${arguments[@]+"${arguments[@]}"}
  hosts_up 2
  scratch=$hosts_dir
else
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
fi
out=${out:-$scratch/out}
mkdir -p "$out"
export OMP_NUM_THREADS=1

# train NAME THREADS LAUNCHER...: a run in $out/NAME with so many computing threads in all.
train() {
  local name=$1 minibatch=$((rows * $2)) threads=1
  [[ $name != threads-* ]] || threads=$2
  shift 2
  echo "$name"
  "$@" "$PGAN_BIN/pgan-train" --data "$scratch/pack" --run "$out/$name" --minibatch "$minibatch" \
    "${model[@]}" --threads "$threads" --max-steps $((steps + traced)) \
    --trace $((steps + 1))-$((steps + traced)) --tick-kimg "$(awk "BEGIN { print $minibatch / 100 }")" \
    --snapshot-kimg 0 --checkpoint-kimg 0 --checkpoint-minutes 0 --progress none >"$out/$name.log" 2>&1 ||
    die "$name failed: $(tail -n 1 "$out/$name.log")"
}

here() { "$root/launch/mpirun.sh" --quiet --oversubscribe -np "$@"; }
# shellcheck disable=SC2317  # called by name
there() {
  hosts_mpirun node1:1,node2:1 --quiet -np 2
  hosts_start "$scratch/there.out" "${mpirun[@]}" -x OMP_NUM_THREADS "$@"
  local status=0
  wait "$job" || status=$?
  cat "$scratch/there.out"
  return "$status"
}

model=(--resolution 64 --start-resolution 64 --fmap-base 1024 --fmap-max 64 --latent 64
  --stable-kimg 1000 --total-kimg 1000)
"$PGAN_BIN/pgan-data" synth --count 200 --size 64 --seed 1 --out "$scratch/faces" >/dev/null
"$PGAN_BIN/pgan-data" pack --from "$scratch/faces" --resolution 64 --out "$scratch/pack" >/dev/null
parameters=$("$PGAN_BIN/pgan-train" --data "$scratch/pack" --run "$scratch/none" --minibatch $rows \
  "${model[@]}" --dry-run | awk '$1 == 64 { print $NF }')
echo "{\"bytes\": $((4 * parameters)), \"rows\": $rows}" >"$out/about.json"

# Bits a second at which twice the gradients' bytes over two hosts take that share of a step.
rate_for() {
  python3 "$root/bench/scaling_fit.py" --rate "$out" "$1"
}

rate=() # by share
for round in $(seq "$rounds"); do
  for ranks in 1 2 4; do train "host-$ranks-$round" "$ranks" here "$ranks"; done
  train "threads-2-$round" 2 here 1
  [ "$one_host" = no ] || continue
  train "free-2-$round" 2 there
  for share in "${shares[@]}"; do
    if [ "$round" -eq 1 ]; then
      rate[share]=$(rate_for "$share")
      echo "link-$share ${rate[share]}" >>"$out/rates.txt"
    fi
    link_limit 2 rate "${rate[share]}bit"
    train "link-$share-$round" 2 there
    link_free 2
  done
done
[ "$one_host" = no ] || {
  python3 "$root/bench/scaling_fit.py" --table "$out"
  exit 0
}
here 2 "$PGAN_BIN/allreduce-bench" --quick >"$out/allreduce-host.txt"
there "$PGAN_BIN/allreduce-bench" --quick >"$out/allreduce-free.txt"
python3 "$root/bench/scaling_fit.py" "$out" "$held_back"
