# Sourced by install.sh: steps that print one line with their time, and failures that say why.
# shellcheck shell=bash disable=SC2154  # requirements and space_needed_gib are install.sh's

die() {
  printf 'install.sh: %s\n' "$*" >&2
  exit 2
}

log=$(mktemp "${TMPDIR:-/tmp}/pgan-install-XXXXXX.log")
ticker=
# shellcheck disable=SC2317  # called by the trap
finish() {
  local status=$?
  [ -z "$ticker" ] || kill "$ticker" 2>/dev/null || true
  if [ "$status" -eq 0 ] || [ ! -s "$log" ]; then rm -f "$log"; fi
}
trap finish EXIT

# Known causes of a failed step, from the end of its log.
explain() {
  local tail_text
  tail_text=$(tail -n 60 "$log")
  if grep -qiE 'no space left|enough free space|disk quota' <<<"$tail_text"; then
    echo "The disk is full: about $space_needed_gib GiB are needed under $cache and in the checkout."
  elif grep -qiE 'could not resolve|temporary failure|unable to connect|network is unreachable|connection (refused|timed out)|failed to fetch|max retries|newconnectionerror' <<<"$tail_text"; then
    echo "The network or the package registry was not reached: check it (http_proxy, https_proxy) and run this again."
  elif grep -qiE 'no matching distribution' <<<"$tail_text"; then
    echo "No ${requirements[0]} for this Python and machine: it needs Python 3.10 or newer on x86-64 or aarch64 Linux, or set PGAN_LIBTORCH."
  elif grep -qiE 'cc1plus.*killed|killed signal terminated program' <<<"$tail_text"; then
    echo "The compiler ran out of memory: run this again with --jobs 1."
  fi
}

# step NAME COMMAND...: one line with the time taken; all output goes to the log.
step() {
  local name=$1 began=$SECONDS
  shift
  printf '%-44s ' "$name"
  printf '\n==== %s\n' "$name" >>"$log"
  if [ -t 1 ]; then
    while sleep 2; do
      printf '\r%-44s %4d s  %.60s\033[K' "$name" $((SECONDS - began)) \
        "$(tail -n 1 "$log" | tr -d '\r\t' | cut -c 1-60)"
    done &
    ticker=$!
  fi
  local status=0
  "$@" >>"$log" 2>&1 </dev/null || status=$?
  if [ -n "$ticker" ]; then
    kill "$ticker" 2>/dev/null || true
    wait "$ticker" 2>/dev/null || true
    ticker=
    printf '\r%-44s ' "$name"
  fi
  if [ $status -eq 0 ]; then
    printf '%4d s' $((SECONDS - began))
    [ ! -t 1 ] || printf '\033[K'
    printf '\n'
    return
  fi
  printf 'FAILED after %d s\n' $((SECONDS - began))
  {
    grep -iE 'error|fatal|FAILED' "$log" | tail -n 12 || true
    echo "----"
    tail -n 8 "$log"
    echo "----"
    explain
    echo "install.sh: '$name' failed; the full log is $log"
  } >&2
  exit 1
}

already() { printf '%-44s already there\n' "$1"; }

free_gib() { # of the file system that holds, or will hold, the path
  local path=$1
  while [ ! -e "$path" ]; do path=$(dirname "$path"); done
  df -Pk "$path" | awk 'NR == 2 { print int($4 / 1048576) }'
}
