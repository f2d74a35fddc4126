#!/usr/bin/env bash
# Breaks a training over three hosts (namespaces of this machine) in many ways at random moments, and prints what came of it.
set -euo pipefail

usage() {
  cat <<EOF
Usage: tests/cluster/failures.sh [options] [RANK_FAULTS_LIBRARY]

Trains on node1, node2 and node3, breaks something at a random moment, measures the seconds until no rank is left on any
host, and looks at the exit code, status.json, what was said, the checkpoints, and whether the run goes on from them.
Prints a Markdown table. Needs root.

  --tries N     of each kind (default: $tries)
  --seed N      of the moments and of who is hit (default: $seed)
  --kinds LIST  of these (default: all): $kinds
  --hosts LIST  ranks a host (default: $hosts)
  --limit N     seconds within which a job must end (default: $limit); hangs have --timeout more
  --timeout N   --timeout of pgan-train for the kinds stop and hang (default: $hang_timeout)
  --each        a line for each try as well
  --help        this text

  kill      a rank gets SIGKILL          stop  SIGSTOP           throw   an exception
  memory    a rank runs out of memory    hang  never begins its reduction
  launcher  mpirun gets SIGKILL          disk  the run's disk is full
  host      a host dies                  link  its cable is cut  slow    its link has 2 Mbit/s from now on

throw, memory and hang need the library (build/tests/rank_faults.so), else they are left out.
Exit status: 0 when each try ended in time with whole checkpoints and went on; 1 otherwise; 77 without root.
EOF
}

tries=3 seed=1 kinds="kill stop throw memory hang launcher disk host link slow" hosts=node1:1,node2:2,node3:1
limit=10 hang_timeout=5 each=no rank_faults=''
for argument; do [ "$argument" != --help ] || { usage; exit 0; }; done

# shellcheck source=tests/cluster/hosts.sh
. "$(dirname "${BASH_SOURCE[0]}")/hosts.sh"
hosts_enter "$0" "$@"
# shellcheck source=tests/cluster/training.sh
. "$hosts_folder/training.sh"

usage_error() { echo "failures.sh: $*; see --help" >&2; exit 2; }

while [ $# -gt 0 ]; do
  case $1 in
    --tries | --seed | --kinds | --hosts | --limit | --timeout)
      [ $# -ge 2 ] || usage_error "$1 needs a value"
      case $1 in
        --tries) tries=$2 ;; --seed) seed=$2 ;; --kinds) kinds=$2 ;;
        --hosts) hosts=$2 ;; --limit) limit=$2 ;; --timeout) hang_timeout=$2 ;;
      esac
      shift
      ;;
    --each) each=yes ;;
    -*) usage_error "unknown option '$1'" ;;
    *) rank_faults=$(realpath "$1") ;;
  esac
  shift
done

# strike KIND: the fact. Sets $what.
strike() {
  local rank=$((RANDOM % ranks)) host=$((RANDOM % 3 + 1)) pid
  pid=$(pid_of_rank $rank)
  what="rank $rank"
  case $1 in
    kill) kill -KILL "$pid" ;;
    stop) kill -STOP "$pid" ;;
    throw) kill -s RTMIN+1 "$pid" ;;
    hang) kill -s RTMIN+2 "$pid" ;;
    memory)
      prlimit --pid "$pid" --as=$((1 << 29))
      kill -s RTMIN+3 "$pid"
      ;;
    launcher) kill -KILL "$(processes mpirun)" && what=mpirun ;;
    disk) (head -c 300M /dev/zero >"$hosts_dir/disk/fill") 2>/dev/null || what="300 MB" ;;
    host) what=node$host && host_die $host ;;
    link) what=node$host && link_down $host ;;
    slow) what=node$host && link_limit $host rate 2mbit ;;
  esac
  hit=$host
}

mend() {
  case $1 in
    disk) rm -f "$hosts_dir/disk/fill" ;;
    host) host_again "$hit" ;;
    link) link_up "$hit" ;;
    slow) link_free "$hit" ;;
  esac
}

# The most telling line: who and where.
said() {
  local line
  line=$(grep -m 1 -E 'rank [0-9]+.*on (node )?node[0-9]|rank [0-9]+.*node[0-9]' "$1" ||
    grep -m 1 -E 'Remote daemon.*node[0-9]' "$1" | sed 's/^ *//' || grep -m 1 -E 'pgan-train: (error|warning)' "$1" || true)
  line=${line#pgan-train: error: }
  printf '%s' "${line:-nothing}" | tr '|\t' '  '
}

goes_on() {
  local run=$1 newest=$2
  train "$run" --max-steps $((10#${newest#images-} / 16 + 4))
  hosts_mpirun "$hosts"
  timeout 60 "$programs/pgan-checkpoint" verify "$run" >/dev/null 2>&1 || return 1
  on 1 timeout 60 "${mpirun[@]}" "${train[@]}" >"$run.again" 2>&1 </dev/null
}

# try KIND NUMBER: a row of the table's raw form.
try() {
  local kind=$1 run=$hosts_dir/disk/$1-$2 most=$limit timeout=60 began steps newest verdict=ok state
  case $kind in stop | hang) timeout=$hang_timeout most=$((limit + hang_timeout)) ;; esac
  train "$run" --timeout "$timeout"
  hosts_mpirun "$hosts" ${rank_faults:+-x LD_PRELOAD="$rank_faults"}
  hosts_start "$run.out" "${mpirun[@]}" "${train[@]}"
  wait_for "training in $run" 60 trained "$run" $((6 + RANDOM % 30))
  sleep "0.$((RANDOM % 1000 + 1000))"
  steps=$(steps_of "$run")
  strike "$kind"
  began=$(now_ms)
  if [ "$kind" = slow ]; then
    sleep 5
    what+=", $(($(steps_of "$run") - steps)) steps in 5 s"
    kill -USR1 "$job"
    most=60
  elif [ "$kind" = disk ]; then
    most=60 # until three checkpoints in a row have failed
  fi
  seconds=- code=-
  if ! see_end "$began" $((most + 20)) 2>/dev/null; then
    end_all
    wait "$job" 2>/dev/null || true
    verdict="still there after $((most + 20)) s"
  elif awk "BEGIN { exit !($seconds > $most) }"; then
    verdict="later than $most s"
  fi
  mend "$kind"
  newest=$(newest_of "$run") steps=$(steps_of "$run")
  state="$(field "$run" state) $(field "$run" exit_code)"
  goes_on "$run" "$newest" || verdict+=", does not go on from $newest"
  printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$kind" "$what" "$seconds" "$code" "$state" \
    $((steps * 16 - 10#${newest#images-})) "$verdict" "$(said "$run.out")" >>"$hosts_dir/rows"
  [ "$each" = no ] || tail -n 1 "$hosts_dir/rows" | sed 's/\t/ | /g' >&2
  rm -rf "$run" "$run.out" "$run.again"
}

table() {
  echo "| failure | tries | seconds to the end | exit code | status.json | most images lost | verdict | said (of one) |"
  echo "|---|---:|---|---|---|---:|---|---|"
  awk -F '\t' '
    function add(list, key, value) { if (index(list[key], "," value ",") == 0) list[key] = (list[key] ? list[key] : ",") value "," }
    function shown(text) { gsub(/^,|,$/, "", text); gsub(/,/, ", ", text); return text }
    !($1 in count) { order[++kinds] = $1 }
    { count[$1]++; seconds[$1] = seconds[$1] (seconds[$1] ? ", " : "") $3; add(codes, $1, $4); add(states, $1, $5)
      if ($6 > lost[$1]) lost[$1] = $6; add(verdicts, $1, $7); line[$1] = $8 }
    END { for (i = 1; i <= kinds; ++i) { k = order[i]
      printf "| %s | %d | %s | %s | %s | %d | %s | %s |\n", k, count[k], seconds[k], shown(codes[k]), shown(states[k]), lost[k],
        shown(verdicts[k]), line[k] } }' "$hosts_dir/rows"
}

RANDOM=$seed
ranks=$(tr ',' '\n' <<<"$hosts" | awk -F : '{ sum += $2 } END { print sum }')
mkdir "$hosts_dir/disk"
mount -t tmpfs -o size=250m none "$hosts_dir/disk" # before the hosts, so that they see it too
hosts_up 3
make_pack
for kind in $kinds; do
  case $kind in
    kill | stop | launcher | disk | host | link | slow) ;;
    throw | memory | hang) [ -n "$rank_faults" ] || { echo "$kind is left out: no library" >&2; continue; } ;;
    *) usage_error "--kinds $kind: unknown" ;;
  esac
  for number in $(seq "$tries"); do try "$kind" "$number"; done
done
table
awk -F '\t' '$7 != "ok" { bad = 1 } END { exit bad }' "$hosts_dir/rows"
