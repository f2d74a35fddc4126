# Sourced: the architecture's arrows, one row a folder of src/ and what it may include or link.
# shellcheck shell=bash disable=SC2034
declare -A allowed=(
  [core]=""
  [comm]="core"
  [data]="core"
  [nn]="core"
  [models]="core nn"
  [checkpoint]="core comm"
  [metrics]="core comm"
  [train]="core comm data nn models checkpoint metrics"
  [report]="core"
  [apps]="core comm data nn models checkpoint metrics train report"
)

# Headers of a library that only these folders include ...
declare -A confined=(
  ["opencv2/"]="data report"
  ["jpeglib.h"]="data"
  ["png.h"]="data"
  ["lcms2.h"]="data"
  ["zip.h"]="data"
  ["zlib.h"]="data"
  ["lmdb.h"]="data"
  ["mpi.h"]="comm"
  ["nccl.h"]="comm"
  ["boost/program_options"]="core"
)
# ... and of those, the ones that exactly one .cpp may include (none before it is written).
single_file=("mpi.h" "nccl.h")

# includes FILE: the paths between the quotes or brackets of its #include lines.
includes() { sed -nE 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]([^>"]+)[>"].*/\1/p' "$1"; }
