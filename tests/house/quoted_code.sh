#!/usr/bin/env bash
# Checks that the model quoted in docs/adding-a-model.md is the file that is compiled and tested.
# Usage: quoted_code.sh SOURCE_ROOT
set -euo pipefail
# shellcheck disable=SC2016  # backquotes of Markdown
quoted() { sed -n '/^```cpp$/,/^```$/p' "$1" | sed '1d;$d'; }

# same DOC FILE: nothing but the difference.
same() { diff <(quoted "$1") "$2"; }

doc=$1/docs/adding-a-model.md file=$1/tests/models/example_model.cpp
[ "$(grep -c '^```cpp$' "$doc")" -eq 1 ] || { echo "$doc: expected one block of C++"; exit 1; }
same "$doc" "$file" || { echo "$doc does not quote $file as it is: copy it there"; exit 1; }

# Self-test: one letter of the file's is enough.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
sed 's/width = 16/width = 17/' "$file" >"$copy/changed.cpp"
cmp -s "$file" "$copy/changed.cpp" && { echo "self-test: nothing was changed"; exit 1; }
! same "$doc" "$copy/changed.cpp" >/dev/null || { echo "self-test: a change was not found"; exit 1; }
echo "the quoted model is the tested one, $(wc -l <"$file") lines"
