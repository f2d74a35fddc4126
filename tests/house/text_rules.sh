#!/usr/bin/env bash
# Checks of the project's text: no path of one particular machine, no source file that has outgrown
# its reader, every shell script starts strictly.
# Usage: text_rules.sh SOURCE_ROOT
set -euo pipefail
most_lines=400
# Put together here, so that this file does not contain them.
machine_paths="(^|[^A-Za-z0-9_.~})-])/(wo""rk|ro""ot|ho""me/[a-z]+)/"

text_files() {
  find "$1" \( -name .git -o -name 'build*' -o -name datasets -o -name checkpoints \) -prune -o \
    -type f -size -1024k -print0
}

check() {
  local root=$1 file lines
  text_files "$root" | xargs -0 grep -InE "$machine_paths" /dev/null | cut -c 1-160 |
    sed 's/$/  <- a path of one machine/' || true
  while IFS= read -r file; do
    lines=$(wc -l <"$file")
    [ "$lines" -le $most_lines ] || echo "$file has $lines lines (at most $most_lines): split it"
  done < <(find "$root/src" "$root/tests" -name '*.h' -o -name '*.cpp')
  while IFS= read -r file; do
    [ ! -x "$file" ] || head -n 12 "$file" | grep -q '^set -euo pipefail$' ||
      echo "$file does not set -euo pipefail"
  done < <(find "$root/launch" "$root/tests" "$root/.ci" -name '*.sh' -o -path "$root/.ci/run")
}

self_test() {
  local copy text
  copy=$(mktemp -d)
  mkdir -p "$copy"/{src,tests,launch,.ci}
  printf 'see /%s/main\n' wo""rk >"$copy/launch/a.md"
  seq $((most_lines + 1)) >"$copy/src/long.cpp"
  printf 'true\n' >"$copy/launch/a.sh"
  chmod +x "$copy/launch/a.sh"
  text=$(check "$copy")
  [ "$(wc -l <<<"$text")" -eq 3 ] || echo "self-test, expected 3 lines: $text"
  rm -rf "$copy"
}

found=$(check "$1"; self_test)
if [ -n "$found" ]; then
  printf '%s\n' "$found"
  exit 1
fi
echo "the project's text is in order"
