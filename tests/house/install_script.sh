#!/usr/bin/env bash
# launch/install.sh --user against stand-ins for python3 and pip: what it refuses, what it names, how
# a failed install goes on. Touches neither the network nor the machine.
# Usage: install_script.sh SOURCE_ROOT
set -euo pipefail
install=$1/launch/install.sh
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export PGAN_CACHE=$dir/cache TMPDIR=$dir STUB_DIR=$dir
unset PGAN_LIBTORCH

fail() { echo "FAILED: $*"; cat "$dir/out"; exit 1; }
# expect STATUS TEXT COMMAND...: the command ends with the status and says the text.
expect() {
  local wanted=$1 text=$2 status=0
  shift 2
  "$@" >"$dir/out" 2>&1 </dev/null || status=$?
  [ "$status" -eq "$wanted" ] || fail "status $status instead of $wanted: $*"
  grep -qF -- "$text" "$dir/out" || fail "'$text' is missing from the output of: $*"
}

expect 0 "--user" "$install" --help
expect 2 "unknown option '--usr'" "$install" --usr
expect 2 "expected AUTO, ON or OFF" "$install" --cuda maybe
expect 2 "expected a number" "$install" --jobs none
expect 2 "not a folder" env PGAN_LIBTORCH="$dir/none" "$install" --user --no-build
mkdir "$dir/empty"
expect 2 "has no include/torch" env PGAN_LIBTORCH="$dir/empty" "$install" --user --no-build

# A machine with nothing: every missing program in one list.
mkdir "$dir/bare"
for tool in bash env dirname mktemp tr awk sort head tail cat sed grep rm id mkdir cut; do
  ln -s "$(command -v $tool)" "$dir/bare/$tool"
done
expect 2 "missing on this machine" env PATH="$dir/bare" CXX=c++ bash "$install" --user --no-build
for name in "C++20 compiler" "CMake 3.22" "ninja or make" pkg-config mpicxx mpirun libxxhash python3; do
  grep -qF "$name" "$dir/out" || fail "the list does not name $name"
done

# A python3 whose virtual environments hold a pip that fails as long as the file `offline` exists.
mkdir "$dir/bin"
cat >"$dir/bin/python3" <<'EOF'
#!/usr/bin/env bash
set -euo pipefail
echo "$*" >>"$STUB_DIR/calls"
case "$*" in
  "-m venv "*) mkdir -p "$3/bin" "$3/lib/python3.99/site-packages/torch"; cp "$0" "$3/bin/python" ;;
  "-m pip install"*)
    [ ! -e "$STUB_DIR/offline" ] || { echo "Max retries exceeded with url: /simple"; exit 1; } ;;
esac
EOF
chmod +x "$dir/bin/python3"
command -v mpicxx cmake pkg-config >/dev/null || { echo "skipped: needs the site's libraries"; exit 77; }
with_stub=(env PATH="$dir/bin:$PATH" "$install" --user --no-build)
touch "$dir/offline"
expect 1 "The network or the package registry was not reached" "${with_stub[@]}"
grep -q "the full log is $dir/" "$dir/out" || fail "the log is not named"
[ ! -e "$PGAN_CACHE/venv/.pgan-complete" ] || fail "a failed install is marked complete"
rm "$dir/offline"
expect 0 "LibTorch (torch==" "${with_stub[@]}"
: >"$dir/calls"
expect 0 "already there" "${with_stub[@]}"
! grep -q "pip install" "$dir/calls" || fail "a complete environment was installed again"
# As after a killed install: no marker.
rm "$PGAN_CACHE/venv/.pgan-complete"
expect 0 "LibTorch (torch==" "${with_stub[@]}"
grep -q "pip install torch\|pip install .*torch==" "$dir/calls" || fail "an unfinished one was not gone on with"
! grep -q "^-m venv" "$dir/calls" || fail "what was there already was thrown away"
echo "install.sh says what it should"
