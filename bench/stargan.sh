#!/usr/bin/env bash
# A training step of StarGAN at 128x128 against plain PyTorch, in turn in one run.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
rounds=3
threads=2
minibatch=4
resolution=128
precisions=(fp32 bf16)
first=3 # of the traced steps; those before warm up
last=12 # the generator is updated in the 5th and the 10th
cache=${PGAN_CACHE:-$HOME/.cache/pgan}
attributes=Black_Hair,Blond_Hair,Brown_Hair,Male,Young

usage() {
  cat <<EOF
Usage: bench/stargan.sh [--rounds N] [--threads N] [--minibatch N] [--resolution N] [--precision P]

Times updates of StarGAN's discriminator (D) and generator (G) apart, by pgan-train and by a plain PyTorch
script (bench/stargan_peer.py), in turn, and prints the ratio of each pair; bf16 is autocast there, and here
float32 on a CPU without instructions for bfloat16.
A step is 5 updates of D and 1 of G. About ten minutes on two cores.

  --rounds N      pairs of each precision (default: $rounds)
  --threads N     of both (default: $threads)
  --minibatch N   pictures an update (default: $minibatch)
  --resolution N  64, 128 or 256 (default: $resolution)
  --precision P   fp32 or bf16 alone (default: both)
  --help          this text

Environment:
  PGAN_BIN     the folder of the programs; then nothing is built
  PGAN_CACHE   where launch/install.sh put LibTorch's Python, which runs the peer (default: ~/.cache/pgan)
EOF
}

die() {
  printf 'stargan.sh: %s\n' "$*" >&2
  exit 2
}

while [ $# -gt 0 ]; do
  case $1 in
    --rounds | --threads | --minibatch | --resolution | --precision)
      [ $# -ge 2 ] || die "$1 needs a value; see --help"
      case $1 in
        --rounds) rounds=$2 ;;
        --threads) threads=$2 ;;
        --minibatch) minibatch=$2 ;;
        --resolution) resolution=$2 ;;
        --precision) precisions=("$2") ;;
      esac
      shift
      ;;
    --help | -h)
      usage
      exit 0
      ;;
    *) die "unknown option '$1'; see --help" ;;
  esac
  shift
done
[[ $rounds =~ ^[1-9][0-9]?$ ]] || die "--rounds $rounds: expected 1 to 99"
[[ $threads =~ ^[1-9][0-9]?$ ]] || die "--threads $threads: expected 1 to 99"
[[ $minibatch =~ ^[1-9][0-9]?$ ]] || die "--minibatch $minibatch: expected 1 to 99"
[[ $resolution =~ ^(64|128|256)$ ]] || die "--resolution $resolution: expected 64, 128 or 256"
[[ ${precisions[0]} =~ ^(fp32|bf16)$ ]] || die "--precision ${precisions[0]}: expected fp32 or bf16"
python=$cache/venv/bin/python
"$python" -c 'import torch' 2>/dev/null || die "$python has no torch; run launch/install.sh or set PGAN_CACHE"

if [ -z "${PGAN_BIN:-}" ]; then
  cmake -S "$root" -B "$root/build" >/dev/null
  cmake --build "$root/build" --target pgan-train pgan-data -- -j2
fi
bin=${PGAN_BIN:-$root/build/bin}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export OMP_NUM_THREADS=$threads

# quietly COMMAND...: its output only if it fails.
quietly() { "$@" >"$scratch/log" 2>&1 || die "$1 failed: $(tail -n 1 "$scratch/log")"; }

# Medians of the seconds a traced step spends in each phase. A span may hold spans of another phase,
# whose updates settle late: each moment counts for the innermost.
of_trace() {
  "$python" - "$1" <<'END'
import json, statistics, sys

with open(sys.argv[1]) as file:
    spans = [e for e in json.load(file) if e["ph"] == "X" and e["tid"] == 0]
spans.sort(key=lambda span: (span["ts"], -span["dur"]))
updates, open_spans = {"D": [], "G": []}, []

def add(phase, microseconds):
    if phase in updates and updates[phase]:
        updates[phase][-1] += microseconds

for span in spans:
    while open_spans and open_spans[-1]["ts"] + open_spans[-1]["dur"] <= span["ts"]:
        open_spans.pop()
    phase = span["name"].rpartition(" ")[2]
    if span["name"] in ("forward D", "forward G"):
        updates[phase].append(0)
    add(phase, span["dur"])
    if open_spans:
        add(open_spans[-1]["name"].rpartition(" ")[2], -span["dur"])
    open_spans.append(span)
if not all(updates.values()):
    sys.exit(f"{sys.argv[1]} holds no updates of D and G")
print(*(statistics.median(updates[phase]) / 1e6 for phase in "DG"))
END
}

# peer PRECISION and ours PRECISION: seconds of an update of D, and of G.
peer() {
  "$python" -B "$root/bench/stargan_peer.py" --resolution "$resolution" --minibatch "$minibatch" \
    --threads "$threads" --precision "$1" --rounds 5 |
    "$python" -c 'import json, sys; r = json.load(sys.stdin); print(r["d_seconds"], r["g_seconds"])'
}

ours() {
  rm -rf "$scratch/run"
  quietly "$bin/pgan-train" --model stargan --data "$scratch/pack" --run "$scratch/run" \
    --attributes "$attributes" --resolution "$resolution" --minibatch "$minibatch" --threads "$threads" \
    --precision "$1" --max-steps "$last" --trace "$first-$last" --snapshot-kimg 0 --checkpoint-kimg 0 \
    --checkpoint-minutes 0 --progress none
  of_trace "$(echo "$scratch"/run/trace-*.json)"
}

quietly "$bin/pgan-data" synth --out "$scratch/faces" --count 64 --size "$resolution"
quietly "$bin/pgan-data" pack --from "$scratch/faces" --out "$scratch/pack" --resolution "$resolution"
echo "$resolution x $resolution, minibatch $minibatch, $threads threads of $(nproc --all)," \
  "load $(cut -d' ' -f1 /proc/loadavg) at the start"
cat <<EOF

| precision | peer D, s | peer G, s | ours D, s | ours G, s | D | G | step |
|---|---:|---:|---:|---:|---:|---:|---:|
EOF
for precision in "${precisions[@]}"; do
  for ((i = 0; i < rounds; ++i)); do
    theirs=$(peer "$precision")
    mine=$(ours "$precision")
    awk -v precision="$precision" '{
      printf "| %s | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f |\n", precision, $1, $2, $3, $4,
        $1 / $3, $2 / $4, (5 * $1 + $2) / (5 * $3 + $4)
    }' <<<"$theirs $mine"
  done
done
echo
echo "load $(cut -d' ' -f1 /proc/loadavg) at the end"
