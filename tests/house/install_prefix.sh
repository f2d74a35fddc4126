#!/usr/bin/env bash
# Installs the build into a temporary prefix and runs the programs from there, with no help from the
# environment. Exit 77 (skipped) where the programs are not built.
# Usage: install_prefix.sh BUILD_DIR
set -euo pipefail
build=$1
for program in pgan-train pgan-data pgan-sample pgan-eval pgan-checkpoint; do
  [ -x "$build/bin/$program" ] || { echo "skipped: $build/bin/$program is not built"; exit 77; }
done
prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT
cmake --install "$build" --prefix "$prefix" >"$prefix.log" || { cat "$prefix.log"; exit 1; }
rm -f "$prefix.log"

cd /
for program in pgan-train pgan-data pgan-sample pgan-eval pgan-checkpoint; do
  version=$(env -i PATH=/usr/bin:/bin HOME="${HOME:-/tmp}" "$prefix/bin/$program" --version)
  grep -qiE 'libtorch' <<<"$version" || { echo "$program --version names no LibTorch: $version"; exit 1; }
  env -i PATH=/usr/bin:/bin HOME="${HOME:-/tmp}" "$prefix/bin/$program" --help >/dev/null
done
for file in README.md CHANGELOG.md docs/installing.md launch/demo.sh; do
  [ -f "$prefix/share/pgan-train/$file" ] || { echo "share/pgan-train/$file is missing"; exit 1; }
done
! grep -qF "$build" < <(readelf -d "$prefix/bin/pgan-train" 2>/dev/null) ||
  { echo "the installed pgan-train looks for libraries in the build folder"; exit 1; }
echo "the installed programs run"
