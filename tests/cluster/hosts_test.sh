#!/usr/bin/env bash
# Training on two and three hosts (namespaces of this machine): equals that on one, survives bad links, and ends in
# time, with the right words and a usable checkpoint, when a rank, a link or a host is lost.
# Usage: hosts_test.sh same_training|bad_links|lost_hosts|lost_ranks|supervised [RANK_FAULTS_LIBRARY]
set -euo pipefail

# shellcheck source=tests/cluster/hosts.sh
. "$(dirname "${BASH_SOURCE[0]}")/hosts.sh"
hosts_enter "$0" "$@"
# shellcheck source=tests/cluster/training.sh
. "$hosts_folder/training.sh"

case_name=${1:-}
rank_faults=${2:-}
steps=16
most_seconds=12 # 10 on a machine that does nothing else
two=node1:1,node2:1

# run_on HOSTS RUN OPTIONS...: a training that must succeed.
run_on() {
  local where=$1 run=$hosts_dir/$2
  shift 2
  train "$run" --max-steps $steps "$@"
  hosts_mpirun "$where"
  expect_code 0 on 1 timeout -k 5 100 "${mpirun[@]}" "${train[@]}"
}

# Sums over ranks may be taken in another order elsewhere: equal but for rounding, in fp64.
close_weights() {
  expect_code 0 "$programs/pgan-checkpoint" diff "$hosts_dir/$1" "$hosts_dir/$2"
  grep -q "tensors in both" "$hosts_dir/command.out" || fail "pgan-checkpoint diff compared nothing"
  awk '/only in|of another/ { bad = 1 } match($0, /L2 of the difference [^ ]*/) {
      split(substr($0, RSTART, RLENGTH), word, " "); if (!(word[5] + 0 < 1e-10)) bad = 1 } END { exit bad }' \
    "$hosts_dir/command.out" || fail "the weights of $1 and $2 differ"
}

same_training() {
  steps=8
  hosts_up 3
  run_on node1:4 one --precision fp64
  run_on node1:2,node2:2 two --precision fp64
  close_weights one two
  printf 'node1 slots=1\nnode2 slots=2\nnode3 slots=1\n' >"$hosts_dir/hostfile"
  run_on "@$hosts_dir/hostfile" three --precision fp64
  close_weights one three
  grep -q "4 rank(s)" "$hosts_dir/three/log.txt" || fail "not 4 ranks"
}

bad_links() {
  steps=8
  hosts_up 2
  run_on $two good
  link_limit 2 delay 20ms loss 1%
  local began
  began=$(now_ms)
  run_on $two far
  [ $(($(now_ms) - began)) -gt $((steps * 40)) ] || fail "the link had no delay"
  same_weights "$hosts_dir/good" "$hosts_dir/far"
  link_limit 2 rate 2mbit
  run_on $two slow
  same_weights "$hosts_dir/good" "$hosts_dir/slow"
}

# start RUN OPTIONS...: a training without end on two hosts, until it has made a few steps and a checkpoint.
start() {
  local run=$hosts_dir/$1
  shift
  train "$run" "$@"
  hosts_mpirun $two ${rank_faults:+-x LD_PRELOAD="$rank_faults"}
  hosts_start "$run.out" "${mpirun[@]}" "${train[@]}"
  wait_for "training in $run" 40 trained "$run" 6
  wait_for "a checkpoint in $run" 20 test -e "$run/latest"
}

says() { grep -qE -- "$2" "$hosts_dir/$1.out" || fail "$1: no line like '$2'"; }

# What must hold after every failure: the checkpoints are whole, and the run goes on from the newest, as if nothing had
# been (`reference`).
usable() {
  local where=$1 run=$2 newest images
  newest=$(newest_of "$hosts_dir/$run")
  images=$((10#${newest#images-}))
  expect_code 0 "$programs/pgan-checkpoint" verify "$hosts_dir/$run"
  rm -f "$hosts_dir/$run.out"
  steps=$((images / 16 + 4))
  run_on "$where" "$run"
  grep -qE "resum|going on|continu" "$hosts_dir/command.out" "$hosts_dir/$run/log.txt" || fail "$run began anew"
  # Elsewhere than on two hosts: a sum of two is the same in any order.
  [ -e "$hosts_dir/reference-$steps" ] || run_on node1:2 "reference-$steps"
  same_weights "$hosts_dir/reference-$steps" "$hosts_dir/$run"
}

must_end() {
  see_end "$@" || fail "after $2 s there are still pgan-train $(processes pgan-train | xargs), orted $(processes orted | xargs), mpirun $(processes mpirun | xargs)"
}

# lose_host RUN WORDS COMMAND...: what is done to node2, and that the job ends.
lose_host() {
  local run=$1 words=$2 began
  shift 2
  start "$run" --timeout 60
  began=$(now_ms)
  "$@"
  must_end "$began" $most_seconds
  [ "$code" -ne 0 ] || fail "a $words, and exit code 0"
  says "$run" "node2"
  echo "$words: ended after $seconds s with code $code"
}

lost_hosts() {
  hosts_up 2
  lose_host cut "cut link" link_down 2
  link_up 2
  usable $two cut
  lose_host dead "dead host" host_die 2
  usable node1:2 dead
}

# lose NAME SIGNAL SECONDS CODE STATUS_CODE WORDS: what is done to rank 1, and what is expected.
lose() {
  local run=$1 rank began
  start "$run" --timeout 5
  rank=$(pid_of_rank 1)
  [ -n "$rank" ] || fail "no rank 1"
  [ "$run" != memory ] || prlimit --pid "$rank" --as=$((1 << 29))
  began=$(now_ms)
  kill -s "$2" "$rank"
  must_end "$began" "$3"
  echo "$run: ended after $seconds s with code $code, status $(field "$hosts_dir/$run" state)"
  [[ " $4 " == *" $code "* ]] || fail "$run: exit code $code instead of $4"
  [ -z "$5" ] || [ "$(field "$hosts_dir/$run" exit_code)" = "$5" ] || fail "$run: status.json says otherwise"
  says "$run" "$6"
  usable $two "$run"
}

lost_ranks() {
  hosts_up 2
  lose killed KILL $most_seconds "137 5" "" "rank 1\b.*\bnode2\b"
  lose stopped STOP $((5 + most_seconds)) 5 5 "rank 1\b.*\bnode2\b"
  [ -n "$rank_faults" ] || return 0
  lose thrown RTMIN+1 $most_seconds 1 1 "rank 1\b.*\bnode2\b"
  # Open MPI itself, without memory, may end the rank with a code of its own.
  lose memory RTMIN+3 $most_seconds "1 2 134 137 139" "" "rank 1\b.*\bnode2\b"
  lose hung RTMIN+2 $((5 + most_seconds)) 5 5 "rank [01]\b.*\bnode[12]\b"
}

supervised() {
  local run=$hosts_dir/supervised
  steps=40
  hosts_up 2
  train "$run" --max-steps $steps
  hosts_mpirun $two
  hosts_start "$run.out" "$hosts_source/launch/supervise.sh" --pause 1 -- "${mpirun[@]}" "${train[@]}"
  wait_for "training" 40 trained "$run" 6
  wait_for "a checkpoint" 20 test -e "$run/latest"
  kill -KILL "$(pid_of_rank 1)"
  wait_for "the restart" 40 grep -q "restart 1 of 5" "$run.out"
  wait_for "training again" 40 trained "$run" $(($(steps_of "$run") + 8))
  kill -KILL "$(processes mpirun)" # and nobody tells the ranks
  wait_for "the end" 90 nobody_left
  code=0
  wait "$job" || code=$?
  [ $code -eq 0 ] || fail "supervise.sh ended with $code"
  says supervised "start 1 ended .* rank 1\b.*\bnode2\b.*going on from images-"
  says supervised "start 2 ended .*going on from images-"
  says supervised "done after 2 restart"
  run_on node1:2 reference
  same_weights "$hosts_dir/reference" "$run"
  python3 "$(dirname "$0")/same_curves.py" "$hosts_dir/reference" "$run" || fail "the curves differ"
}

case $case_name in
  same_training | bad_links | lost_hosts | lost_ranks | supervised)
    make_pack
    "$case_name"
    echo "$case_name: as it should be"
    ;;
  *)
    echo "hosts_test.sh: '$case_name': expected same_training, bad_links, lost_hosts, lost_ranks or supervised" >&2
    exit 2
    ;;
esac
