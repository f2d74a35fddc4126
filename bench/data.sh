#!/usr/bin/env bash
# The image pipeline on one core against torchvision and Pillow, in turn in one run.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
data=${PGAN_TEST_DATA:-}
rounds=3
seconds=2
core=0
cache=${PGAN_CACHE:-$HOME/.cache/pgan}
pins=(torchvision==0.26.0 pillow==13.0.0)

usage() {
  cat <<EOF
Usage: bench/data.sh [--data DIR] [--rounds N] [--seconds S] [--core N]

Packs three sets of pictures, loads them through the training's loader, and does the same with torchvision's
usual chain (Pillow, Resize, CenterCrop, flip, ToTensor, Normalize, DataLoader) and a Pillow script: on one core, in
turn, medians. Also: the bare decoders on the same files, the loader's memory, and what a training step of
two ranks waits for data. Rates are pictures a second of processor time, so that other work on the machine
disturbs them less; programs' start is not counted on either side. About fifteen minutes and 2 GB of temporary space.

  --data DIR     holds celeba_89x109 (CelebA's layout), utkface_200 and celebahq_1024, of pictures of 89x109,
                 200x200 and 1024x1024 (default: \$PGAN_TEST_DATA)
  --rounds N     how often each is run; the middle counts (default: $rounds)
  --seconds S    length of each measurement of loading (default: $seconds)
  --core N       the core (default: $core)
  --help         this text

Environment:
  PGAN_BIN     the folder of the programs, loader-bench among them; then nothing is built
  PGAN_CACHE   where launch/install.sh put LibTorch's Python; the peer's is made beside it (default: ~/.cache/pgan)
EOF
}

die() {
  printf 'data.sh: %s\n' "$*" >&2
  exit 2
}

while [ $# -gt 0 ]; do
  case $1 in
    --data | --rounds | --seconds | --core)
      [ $# -ge 2 ] || die "$1 needs a value; see --help"
      case $1 in
        --data) data=$2 ;;
        --rounds) rounds=$2 ;;
        --seconds) seconds=$2 ;;
        --core) core=$2 ;;
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
[[ $seconds =~ ^[0-9]+([.][0-9]+)?$ ]] || die "--seconds $seconds: expected a number"
[ -n "$data" ] || die "no pictures: give --data DIR or set PGAN_TEST_DATA"
data=$(realpath -m -- "$data")
for set in celeba_89x109/img_align_celeba utkface_200 celebahq_1024; do
  [ -d "$data/$set" ] || die "$data/$set: no such folder; see --help for what --data holds"
done
taskset -c "$core" true 2>/dev/null || die "--core $core: no such core"
torch=$(echo "$cache"/venv/lib/python3*/site-packages)
[ -d "$torch/torch" ] || die "$cache/venv holds no torch; run launch/install.sh or set PGAN_CACHE"

if [ -z "${PGAN_BIN:-}" ]; then
  cmake -S "$root" -B "$root/build" -DPGAN_BENCH=ON >/dev/null
  cmake --build "$root/build" --target pgan-train pgan-data loader-bench -- -j2
fi
bin=${PGAN_BIN:-$root/build/bin}
peer_python=$cache/data-peer/bin/python
if ! "$peer_python" -c 'import torchvision' 2>/dev/null; then
  "$cache/venv/bin/python" -m venv --clear "$cache/data-peer"
  "$peer_python" -m pip install --disable-pip-version-check --no-input --quiet --no-deps "${pins[@]}"
  echo "$torch" >"$(echo "$cache"/data-peer/lib/python3*/site-packages)/torch.pth"
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export OMP_NUM_THREADS=1
pin() { taskset -c "$core" "$@"; }
peer() { pin "$peer_python" "$root/bench/data_peer.py" "$@"; }
pack() { pin "$bin/pgan-data" pack --threads 1 "$@" >/dev/null; }

# many SET TIMES: a folder of each picture so often, in which a program's start counts for little.
many() {
  local file copy
  mkdir -p "$scratch/sets/$1"
  while IFS= read -r -d '' file; do
    for copy in $(seq "$2"); do cp "$file" "$scratch/sets/$1/$copy-${file##*/}"; done
  done < <(find "$data/$1" -name '*.jpg' -print0)
}

# processor COMMAND...: its seconds of processor time.
processor() {
  local TIMEFORMAT='%U %S'
  { time "$@" >/dev/null 2>"$scratch/errors"; } 2>"$scratch/time" || die "$(tail -n 1 "$scratch/errors")"
  awk '{ print $1 + $2 }' "$scratch/time"
}

# packing SET TIMES RESOLUTION CROP ENCODE
packing() {
  many "$1" "$2"
  local from=$scratch/sets/$1 out=$scratch/out count seconds
  count=$(find "$from" -type f | wc -l)
  for ((i = 0; i < rounds; ++i)); do
    peer pack "$from" "$3" "$4" "$out" >>"$scratch/pack-$1.peer"
    echo "$1 $3 peer $(du -sk "$out" | cut -f1)" >>"$scratch/sizes"
    rm -r "$out"
    seconds=$(processor pin "$bin/pgan-data" pack --threads 1 --from "$from" --resolution "$3" --crop "$4" \
      --encode "$5" --out "$out")
    awk "BEGIN { print \"pack\", 0, $count / ($seconds - $(processor pin "$bin/pgan-data" --version)) }" \
      >>"$scratch/pack-$1.ours"
    echo "$1 $3 ours $(du -sk "$out" | cut -f1)" >>"$scratch/sizes"
    rm -r "$out"
  done
  rm -r "$from"
}

# loading NAME SET RESOLUTION MINIBATCH ENCODE [LARGEST]
loading() {
  local name=$1 from=$data/$2
  pack --from "$from" --resolution "${6:-$3}" --encode "$5" --out "$scratch/$name"
  [ "$2" != celeba_89x109 ] || from+=/img_align_celeba
  for ((i = 0; i < rounds; ++i)); do
    peer load "$from" "$3" "$seconds" >>"$scratch/$name.peer"
    pin "$bin/loader-bench" --data "$scratch/$name" --resolution "$3" --minibatch "$4" --seconds "$seconds" \
      --rounds 1 >>"$scratch/$name.ours"
  done
  # Steps that give the loader time to fill all that it may hold.
  pin "$bin/loader-bench" --data "$scratch/$name" --resolution "$3" --minibatch "$4" --seconds 3 --rounds 1 \
    --step-us 200000 >"$scratch/$name.memory"
  [ "$name" = load-64 ] || rm -r "${scratch:?}/$name"
}

median() { # FILE KEY COLUMN
  awk -v key="$2" -v column="$3" '$1 == key { print $column }' "$1" | sort -g |
    awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'
}

row() { # NAME TEXT
  local theirs ours bare memory
  if [[ $1 == pack-* ]]; then
    theirs=$(median "$scratch/$1.peer" pack 3)
    ours=$(median "$scratch/$1.ours" pack 3)
    awk "BEGIN { printf \"| %s | %.1f | %.1f | %.1f | | |\n\", \"$2\", $theirs, $ours, $ours / $theirs }"
    return
  fi
  theirs=$(median "$scratch/$1.peer" loader 3)
  ours=$(median "$scratch/$1.ours" loader 3)
  bare=$(median "$scratch/$1.ours" bare 3)
  memory=$(median "$scratch/$1.memory" memory_mib 2)
  awk "BEGIN { printf \"| %s | %.0f | %.0f | %.1f | %.0f %% | %.0f MiB |\n\", \"$2\", $theirs, $ours, \
    $ours / $theirs, 100 * $ours / $bare, $memory }"
}

# The share of a step that two ranks of a small 64x64 network wait for data.
training() {
  "$root/launch/mpirun.sh" --quiet --oversubscribe -np 2 "$bin/pgan-train" --data "$scratch/load-64" \
    --run "$scratch/run" --resolution 64 --start-resolution 64 --fmap-base 1024 --fmap-max 64 --latent 64 \
    --stable-kimg 1000 --total-kimg 1000 --minibatch 16 --threads 1 --max-steps 40 --tick-kimg 0.16 \
    --snapshot-kimg 0 --checkpoint-kimg 0 --checkpoint-minutes 0 --progress none >"$scratch/train.log" 2>&1 ||
    die "training failed: $(tail -n 1 "$scratch/train.log")"
  "$peer_python" - "$scratch/run/stats.jsonl" <<'END'
import json, statistics, sys
with open(sys.argv[1]) as file:
    ticks = [json.loads(line) for line in file][1:]
share, rate = (statistics.median(tick[key] for tick in ticks) for key in ("data_wait_share", "images_per_second"))
print(f"training 64x64, 2 ranks: {rate:.1f} images/s, waiting for data {100 * share:.2f} % of the time")
END
}

peer versions
echo "core $core of $(nproc --all), load $(cut -d' ' -f1 /proc/loadavg) at the start"
loading load-64 celeba_89x109 64 16 raw
loading load-128 utkface_200 128 16 raw
loading load-256-png celebahq_1024 256 16 raw,256:png
loading load-256-jpeg celebahq_1024 256 16 raw,256:jpeg:95
loading load-256-reduced celebahq_1024 256 16 raw,256:reduced,1024:jpeg:95 1024
loading load-1024-jpeg celebahq_1024 1024 4 raw,1024:jpeg:95
loading load-1024-raw celebahq_1024 1024 4 raw
packing celeba_89x109 3 64 celeba-128 raw
packing utkface_200 4 128 center raw
packing celebahq_1024 4 1024 center raw,256:png
cat <<EOF

| one core | peer, pictures/s | ours | ratio | of the bare decoder | memory |
|---|---:|---:|---:|---:|---:|
EOF
row load-64 "load 64x64: CelebA, raw"
row load-128 "load 128x128: 200x200 faces, raw"
row load-256-png "load 256x256: 1024x1024 faces, PNG"
row load-256-jpeg "load 256x256: 1024x1024 faces, JPEG of 256x256"
row load-256-reduced "load 256x256: 1024x1024 faces, JPEG of 1024x1024 reduced"
row load-1024-jpeg "load 1024x1024, JPEG"
row load-1024-raw "load 1024x1024, raw"
row pack-celeba_89x109 "pack 4 to 64: CelebA, raw"
row pack-utkface_200 "pack 4 to 128: 200x200 faces, raw"
row pack-celebahq_1024 "pack 4 to 1024: raw up to 128, PNG above"
echo
echo "KiB written (set, resolution, who):"
sort -u "$scratch/sizes"
training
echo "load $(cut -d' ' -f1 /proc/loadavg) at the end"
