#!/usr/bin/env bash
# Starts a training and, when it fails, starts it again from its newest checkpoint.
set -euo pipefail

restarts=5 pause=5 most_pause=300 same=3 run=
patience=5   # seconds left-over processes of a start have to end by themselves
deaf=5       # seconds in which a start may lose a signal: mpirun passes none on before its ranks are up
lock_wait=60 # seconds the run's folder may still be in use after that

usage() {
  cat <<EOF
Usage: launch/supervise.sh [options] -- COMMAND... --run DIR
       launch/supervise.sh -- launch/mpirun.sh -np 4 build/bin/pgan-train --data PACK --run DIR

Runs the command, which is mpirun (launch/mpirun.sh, srun) with pgan-train, or pgan-train alone. When it fails it is
run again: pgan-train goes on from the newest whole checkpoint of --run DIR.

  --restarts N     most restarts in all (default: $restarts; 0: none)
  --same N         give up when N starts in a row came no further: no newer checkpoint, and no later step
                   (default: $same)
  --pause SECONDS  before a restart; doubles up to $most_pause s as long as there is no progress (default: $pause)
  --run DIR        the run's folder (default: what the command itself says)
  --help           this text

Why it ended is taken from DIR/status.json (docs/run-folder.md), since launchers mangle codes; the command's own code
counts where the run said nothing.

  0   done                    the end
  75  stopped on request      the end; the same call goes on
  2   usage, 6 diverged       the end: the same command would end the same
  1   bug, out of memory      again: memory and hosts differ; --same stops what fails each time
  3   data, 4 checkpoint      again: full disks get emptied, network disks come back
  5   communication, a killed rank, a dead host, a launcher that vanished: again

SIGTERM, SIGINT, SIGHUP, SIGUSR1 and SIGUSR2 reach the command as SIGUSR1: the run stops with a checkpoint, and this
script ends with 75; so it does, with nothing lost, where the ranks were not up yet and died of the signal. A second
SIGTERM or SIGINT is passed on as SIGTERM: stop without.

One line for each start that failed goes to stderr and to DIR/log.txt. The command must start the launcher directly
(or by exec), so that signals reach it.

Exit status: as above; 5 for a run that was killed; 4 when DIR stays in use.
EOF
}

die() {
  printf 'supervise.sh: %s\n' "$*" >&2
  exit 2
}

whole_number() { [[ $2 =~ ^(0|[1-9][0-9]{0,5})$ ]] || die "$1 $2: expected a whole number; see --help"; }

read_options() {
  while [ $# -gt 0 ]; do
    case $1 in
      --restarts | --same | --pause | --run)
        [ $# -ge 2 ] || die "$1 needs a value; see --help"
        [ "$1" = --run ] || whole_number "$1" "$2"
        case $1 in
          --restarts) restarts=$2 ;;
          --same) same=$2 ;;
          --pause) pause=$2 ;;
          --run) run=$2 ;;
        esac
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
      *) die "unknown option '$1'; expected -- before the command; see --help" ;;
    esac
    shift
  done
  command=("$@")
  [ "$same" -ge 1 ] || die "--same 0: expected at least 1"
  [ ${#command[@]} -gt 0 ] || die "no command after --; see --help"
  command -v -- "${command[0]}" >/dev/null || die "there is no program ${command[0]}; check the command after --"
  [ -n "$run" ] || run=$(run_of "$@")
  [ -n "$run" ] || die "the command has no --run DIR: each start would begin a new run; add one"
}

run_of() {
  while [ $# -gt 0 ]; do
    case $1 in
      --run) echo "${2:-}" ;;
      --run=*) echo "${1#*=}" ;;
    esac
    shift
  done | tail -n 1
}

say() {
  printf 'supervise.sh: %s\n' "$*" >&2
  [ ! -f "$run/log.txt" ] ||
    printf '%s W supervise.sh: %s\n' "$(date '+%F %T')" "$*" 2>/dev/null >>"$run/log.txt" || true
}

status_field() { sed -nE "s/^ *\"$1\": *\"?(.*[^\",])\"?,?\$/\1/p" "$run/status.json" 2>/dev/null || true; }
status_stamp() { stat -c '%i %y' "$run/status.json" 2>/dev/null || true; }

newest_checkpoint() {
  local manifest newest=
  for manifest in "$run"/images-*[0-9]/manifest.json; do
    [ ! -f "$manifest" ] || newest=$(basename "$(dirname "$manifest")")
  done
  echo "$newest"
}

# The furthest step that is on record, or nothing: status.json is as old as the last tick.
known_step() {
  local newest status saved=
  newest=$(newest_checkpoint) status=$(status_field step)
  [ -z "$newest" ] || saved=$(sed -n '/^ *"progress": {/,/}/s/.*"step": *\([0-9]*\).*/\1/p' "$run/$newest/manifest.json")
  printf '%s\n' "$status" "$saved" | grep -xE '[1-9][0-9]*' | sort -n | tail -n 1 || true
}

# Left-over processes of the last start on this host: it had a session of its own.
leftovers() {
  local file line fields
  for file in /proc/[0-9]*/stat; do
    { read -r line <"$file"; } 2>/dev/null || continue
    read -ra fields <<<"${line##*) }" # state, parent, group, session
    [ "${fields[3]}" != "$job" ] || [[ ${fields[0]} == [ZX] ]] || echo "${line%% *}"
  done
}

end_leftovers() {
  local pids tries=0
  while mapfile -t pids < <(leftovers) && [ ${#pids[@]} -gt 0 ]; do
    if [ $((tries++)) -ge $((patience * 5)) ]; then
      say "ending ${#pids[@]} process(es) that the last start left on this host: ${pids[*]}"
      kill -KILL "${pids[@]}" 2>/dev/null || true
      tries=0
    fi
    sleep 0.2
  done
  # Those on other hosts end when they miss the launcher; rank 0 holds the lock as long as it lives.
  if [ -f "$run/.lock" ] && command -v flock >/dev/null; then
    local held=0
    flock -w $lock_wait "$run/.lock" true 2>/dev/null || held=$?
    [ "$held" -ne 1 ] || {
      say "$run is still in use by $(cat "$run/.lock") after $lock_wait s; end that process, then call this again"
      exit 4
    }
  fi
}

signals=0 reminder=
# shellcheck disable=SC2317  # called by the trap
on_signal() {
  signals=$((signals + 1))
  [ -n "$job" ] || return 0
  if [ $signals -gt 1 ] && [[ $1 == TERM || $1 == INT ]]; then
    kill -TERM "$job" 2>/dev/null || true
  else
    kill -USR1 "$job" 2>/dev/null || true
    [ -z "$reminder" ] && [ $((SECONDS - launched)) -le $deaf ] || return 0
    # Asked twice, pgan-train stops as if asked once.
    { sleep $deaf && kill -USR1 "$job"; } >/dev/null 2>&1 &
    reminder=$! && disown "$reminder"
  fi
}

# Runs the command once; sets $code, and $asked: stop requests while it ran. Its stderr is passed on, and lines that
# name a culprit are noted. A launcher that a signal killed has an obituary.
run_once() {
  local filter seen=-1
  : >"$notes"
  exec {stderr}> >(
    trap '' INT TERM HUP USR1 USR2 # a terminal sends Ctrl-C to this process too
    exec sed -u -n -e p -e "/error: rank [0-9]\|noticed that process rank\|Remote daemon:\|pgan-train: error/w $notes" >&2
  )
  filter=$!
  # A session of its own: a terminal's Ctrl-C would make mpirun kill the ranks.
  setsid "${command[@]}" 2>&"$stderr" {stderr}>&- &
  job=$! launched=$SECONDS
  exec {stderr}>&-
  [ $signals -eq 0 ] || on_signal USR1 # it came just before
  # A trapped signal ends wait early, with a code that is not the command's. Bash tells on stderr of a process that a
  # signal killed, and of no other.
  while [ "$seen" -ne "$signals" ]; do
    seen=$signals code=0
    wait "$job" || code=$?
  done 2>"$obituary"
  [ -z "$reminder" ] || kill -KILL "$reminder" 2>/dev/null || true
  asked=$signals
  end_leftovers
  job=
  timeout 5 tail --pid="$filter" -s 0.05 -f /dev/null || true
}

# Who failed, in the launcher's or the run's own words.
culprit() {
  local line
  line=$(grep -m 1 -E 'rank [0-9]+' "$notes" || grep -m 1 . "$notes" || true)
  case $line in
    *"Remote daemon:"*) line="lost node ${line##* node }" ;;
    *"error: "*) line=${line#*error: } ;;
  esac
  [ -n "$line" ] || [ "$state" != failed ] || line=$(status_field message)
  if [ -z "$line" ] && [ "$code" -gt 128 ]; then
    line="a process was killed by signal $((code - 128))"
    [ ! -s "$obituary" ] || line="the launcher was killed by signal $((code - 128))"
  fi
  [ -z "$line" ] || printf ': %.300s' "${line%.}"
}

# Sets $state and $verdict, an exit code of docs/errors.md or the launcher's own.
judge() {
  state=none
  [ "$(status_stamp)" = "$1" ] || state=$(status_field state)
  verdict=$code
  case $state in
    done) verdict=0 ;;
    stopped) verdict=75 ;;
    failed) verdict=$(status_field exit_code) ;;
    running) case $code in 0 | 75) ;; *) verdict=5 ;; esac ;; # killed before it could say why
  esac
  [[ $verdict =~ ^[0-9]+$ ]] || verdict=$code
  stillborn=no
  if [ "$asked" -gt 0 ] && [[ $code/$verdict =~ ^(138|140)/(138|140|5)$ ]]; then
    verdict=75 stillborn=yes # SIGUSR1, SIGUSR2 before a rank had a handler
  fi
}

hopeless() { case $1 in 0 | 2 | 6 | 75 | 126 | 127) return 0 ;; *) return 1 ;; esac }

# Whether this start came further than all before.
progressed() {
  local newest step
  newest=$(newest_checkpoint) step=$(known_step)
  if [[ $newest > $best_newest ]] || [ "${step:-0}" -gt "$best_step" ]; then
    best_newest=$newest
    [ "${step:-0}" -le "$best_step" ] || best_step=$step
    return 0
  fi
  return 1
}

rest() {
  local left=$1
  while [ $((left--)) -gt 0 ] && [ $signals -eq 0 ]; do sleep 1; done
}

main() {
  local starts=0 alike=0 wait_for=$pause began before after step what furthest
  best_newest='' best_step=0
  while :; do
    starts=$((starts + 1)) began=$SECONDS before=$(status_stamp)
    run_once
    judge "$before"
    after=$(newest_checkpoint) step=$(known_step)
    what="start $starts ended after $((SECONDS - began)) s with exit code $verdict"
    [ "$code" -eq "$verdict" ] || what+=" (the command: $code)"
    what+="${step:+, last known step $step}$(culprit)"
    if hopeless "$verdict"; then
      [ "$starts" -eq 1 ] || [ "$verdict" -ne 0 ] || say "done after $((starts - 1)) restart(s)"
      [ $stillborn = no ] ||
        say "stopped on request while it started, with nothing lost; the same call goes on from ${after:-the beginning}"
      [[ $verdict == 0 || $verdict == 75 ]] || say "$what; not restarted, since the same command would end the same"
      exit "$verdict"
    fi
    if progressed; then alike=1 wait_for=$pause; else alike=$((alike + 1)); fi
    if [ "$asked" -gt 0 ]; then
      say "$what; not restarted, since a stop was asked for"
      exit "$verdict"
    elif [ "$alike" -ge "$same" ]; then
      furthest="checkpoint ${after:-none}"
      [ "$best_step" -eq 0 ] || furthest="step $best_step, $furthest"
      say "$what; $alike start(s) in a row came no further than $furthest: giving up; see $run/log.txt"
      exit "$verdict"
    elif [ "$starts" -gt "$restarts" ]; then
      say "$what; giving up after $restarts restart(s) (--restarts); checkpoint ${after:-none}"
      exit "$verdict"
    fi
    say "$what; going on from ${after:-the beginning} in $wait_for s (restart $starts of $restarts)"
    rest "$wait_for"
    if [ $signals -gt 0 ]; then
      say "stopped on request before restart $starts; the same call goes on from ${after:-the beginning}"
      exit 75
    fi
    wait_for=$((wait_for * 2 < most_pause ? wait_for * 2 : most_pause))
  done
}

read_options "$@"
job=
notes=$(mktemp "${TMPDIR:-/tmp}/pgan-supervise-XXXXXX") && obituary=$notes.killed
trap 'rm -f "$notes" "$obituary"' EXIT
for name in TERM INT HUP USR1 USR2; do
  # shellcheck disable=SC2064
  trap "on_signal $name" $name
done
main
