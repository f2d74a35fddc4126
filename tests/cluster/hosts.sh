# Sourced: "hosts" on one machine, each a set of namespaces with its own network card, name, processes
# and /dev/shm, joined by a switch in a namespace too. Nothing outlives the test, however it ends:
# hosts_enter puts the test into a process namespace, with which all it started dies.
#
#   . hosts.sh; hosts_enter "$0" "$@"    first of all; needs root, else exits 77 with the reason
#   hosts_up 2                           node1 (10.77.0.1), node2 (10.77.0.2); scratch folder $hosts_dir
#   on 2 COMMAND...                      runs there, as if logged in
#   hosts_start FILE COMMAND...          starts on node1, output to FILE; $job is the command's own pid
#   hosts_mpirun node1:2,node2:1 ...     the words of an mpirun over these hosts, in ${mpirun[@]}
#   link_down 2, link_up 2               pulls the cable between host and switch, plugs it in
#   link_limit 2 rate 10mbit             or: delay 20ms loss 1% (words of tc netem); link_free 2
#   host_die 2, host_again 2             cable out and every process killed; an empty host again
#   processes NAME [HOST]                pids of a program, on all hosts or one
# shellcheck shell=bash disable=SC2034

hosts_source=${PGAN_SOURCE:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
hosts_folder=$hosts_source/tests/cluster
hosts_dir=
mpirun=()
job=

# skip REASON: a test that cannot run here; in CI, where it must, a failure.
skip() {
  if [ "${CI:-}" = true ]; then
    echo "FAILED: cannot run in CI: $*"
    exit 1
  fi
  echo "skipped: $*"
  exit 77
}

hosts_need() {
  local tool
  [ "$(id -u)" -eq 0 ] || skip "hosts in network namespaces need root"
  for tool in unshare nsenter ip tc mpirun pgrep setpriv flock python3; do
    command -v "$tool" >/dev/null ||
      skip "hosts in network namespaces need $tool (packages iproute2, util-linux, procps, openmpi-bin, python3)"
  done
  unshare --net --uts --mount --pid --ipc --fork true 2>/dev/null || skip "this kernel or container forbids namespaces"
  unshare --net ip link add near0 type veth peer name far0 2>/dev/null || skip "no veth devices in this kernel"
  unshare --net ip link add br0 type bridge 2>/dev/null || skip "no bridge devices in this kernel"
}

# hosts_enter SCRIPT ARGUMENTS...: runs the script again as the first process of a namespace.
hosts_enter() {
  if [ -z "${PGAN_HOSTS_DIR:-}" ]; then
    hosts_need
    local leftover
    for leftover in "${TMPDIR:-/tmp}"/pgan-hosts-*; do # of a test that was killed
      [ ! -d "$leftover" ] || [ -d "/proc/${leftover##*-}" ] || rm -rf "$leftover"
    done
    export PGAN_HOSTS_DIR=${TMPDIR:-/tmp}/pgan-hosts-$$
    mkdir "$PGAN_HOSTS_DIR"
    local code=0 inside
    setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child=KILL --mount-proc bash "$@" &
    inside=$!
    # shellcheck disable=SC2064
    trap "kill -KILL $inside" TERM INT HUP
    wait $inside || code=$?
    if [ -z "${PGAN_HOSTS_KEEP:-}" ]; then rm -rf "$PGAN_HOSTS_DIR" 2>/dev/null || true; fi
    exit $code
  fi
  hosts_dir=$PGAN_HOSTS_DIR
  unset PGAN_HOSTS_DIR
}

# new_namespaces NAME UNSHARE_OPTIONS...: a first process in namespaces; its pid goes to NAME.pid. Bash
# reaps what is orphaned there.
new_namespaces() {
  local name=$1 parent first
  shift
  # shellcheck disable=SC2016
  setpriv --pdeathsig KILL unshare --net --uts --mount --ipc --fork --kill-child=KILL "$@" bash -c '
    hostname "$1"
    mount -t tmpfs none /dev/shm
    [ ! -e "$2/etc_hosts" ] || mount --bind "$2/etc_hosts" /etc/hosts
    ip link set lo up
    touch "$2/$1.ready"
    while :; do sleep 3600 & wait $!; done' hosts "$name" "$hosts_dir" </dev/null 2>"$hosts_dir/$name.log" &
  parent=$!
  disown $parent # no message when it is killed
  wait_for "$name to start" 10 test -e "$hosts_dir/$name.ready"
  first=$(cat "/proc/$parent/task/$parent/children")
  echo "${first% }" >"$hosts_dir/$name.pid"
}

pid_of() { cat "$hosts_dir/$1.pid"; }
in_switch() { nsenter -t "$(pid_of switch)" -n -- "$@"; }

# Namespaces of a host to enter. node1 shares the test's processes, so that a command started there
# can be signalled; the others have their own.
hosts_flags() { if [ "$1" = 1 ]; then echo "-n -u -m -i"; else echo "-n -u -m -i -p"; fi; }

host_up() {
  local host=$1 own=(--pid --mount-proc)
  [ "$host" != 1 ] || own=()
  rm -f "$hosts_dir/node$host.ready" "$hosts_dir/node$host.cut"
  mkdir -p "$hosts_dir/tmp/node$host"
  new_namespaces "node$host" ${own[@]+"${own[@]}"}
  in_switch ip link add "v$host" type veth peer name eth0 netns "$(pid_of "node$host")"
  in_switch ip link set "v$host" master br0 up
  nsenter -t "$(pid_of "node$host")" -n -- ip link set eth0 up
  nsenter -t "$(pid_of "node$host")" -n -- ip addr add "10.77.0.$host/24" dev eth0
}

hosts_up() {
  local host
  hosts_count=$1
  echo "127.0.0.1 localhost" >"$hosts_dir/etc_hosts"
  for host in $(seq "$hosts_count"); do echo "10.77.0.$host node$host" >>"$hosts_dir/etc_hosts"; done
  new_namespaces switch
  in_switch ip link add br0 type bridge
  in_switch ip link set br0 up
  # What ssh would do: a fresh environment on the other host.
  cat >"$hosts_dir/agent" <<EOF
#!/usr/bin/env bash
set -euo pipefail
host=\$1
shift
code=0
nsenter -t "\$(cat "$hosts_dir/\$host.pid")" -n -u -m -i -p -- env -i PATH=/usr/local/bin:/usr/bin:/bin \\
  HOME="$HOME" TMPDIR="$hosts_dir/tmp/\$host" /bin/sh -c "\$*" || code=\$?
# What ends there is not seen here while the cable is out, as with ssh.
[ ! -e "$hosts_dir/\$host.cut" ] && [ ! -e "$hosts_dir/node1.cut" ] || { sleep 60; exit 255; }
exit "\$code"
EOF
  chmod +x "$hosts_dir/agent"
  for host in $(seq "$hosts_count"); do host_up "$host"; done
  for host in $(seq "$hosts_count"); do wait_for "node$host's cable" 10 reachable "$host"; done
}

on() {
  local host=$1
  shift
  # shellcheck disable=SC2046
  nsenter -t "$(pid_of "node$host")" $(hosts_flags "$host") -- env TMPDIR="$hosts_dir/tmp/node$host" "$@"
}

# hosts_start FILE COMMAND...: in the background on node1, in a session of its own.
hosts_start() {
  local file=$1
  shift
  setsid setpriv --pdeathsig KILL nsenter -t "$(pid_of node1)" -n -u -m -i -- \
    env TMPDIR="$hosts_dir/tmp/node1" "$@" >"$file" 2>&1 </dev/null &
  job=$!
}

# hosts_mpirun HOSTS WORDS...: sets ${mpirun[@]}. HOSTS as for mpirun --host, or @FILE, a hostfile.
hosts_mpirun() {
  local placed=(--host "$1")
  [ "${1#@}" = "$1" ] || placed=(--hostfile "${1#@}")
  shift
  # shellcheck disable=SC2034  # for the test
  mpirun=("$hosts_source/launch/mpirun.sh" "${placed[@]}" --oversubscribe
    --mca plm_rsh_agent "$hosts_dir/agent" --mca btl_tcp_if_include eth0 --mca oob_tcp_if_include eth0 "$@")
}

link_down() {
  touch "$hosts_dir/node$1.cut"
  in_switch ip link set "v$1" down
}
link_up() {
  rm -f "$hosts_dir/node$1.cut"
  in_switch ip link set "v$1" up
  wait_for "the cable of node$1" 10 reachable "$1"
}

# Whether a packet comes back: nobody listens there, so an answer is a refusal.
reachable() {
  local other=$(($1 == 1 ? 2 : 1))
  [ "$other" -le "$hosts_count" ] || return 0
  (on "$1" timeout 0.5 bash -c ": </dev/tcp/10.77.0.$other/9" 2>&1 || true) | grep -q refused
}

# Both directions of a host's cable, each limited so.
link_limit() {
  local host=$1 rate
  shift
  link_free "$host"
  rate=(tbf rate "${2:-}" burst 32k latency 200ms)
  if [ "$1" = rate ] && [ $# -eq 2 ]; then
    in_switch tc qdisc add dev "v$host" root "${rate[@]}"
    on "$host" tc qdisc add dev eth0 root "${rate[@]}"
  elif in_switch tc qdisc add dev "v$host" root netem "$@" 2>/dev/null; then
    on "$host" tc qdisc add dev eth0 root netem "$@"
  else # a kernel without netem: the cable goes through a program that does the same
    in_switch ip link add "br$host" type bridge
    in_switch ip link set "br$host" up
    rm -f "$hosts_dir/wire$host.ready"
    setpriv --pdeathsig KILL nsenter -t "$(pid_of switch)" -n -- python3 "$hosts_folder/slow_wire.py" \
      "near$host" "far$host" "$hosts_dir/wire$host.ready" "$@" &
    echo $! >"$hosts_dir/wire$host.pid"
    disown $!
    wait_for "the slow cable" 10 test -e "$hosts_dir/wire$host.ready"
    in_switch ip link set "near$host" master "br$host" up
    in_switch ip link set "far$host" master br0 up
    in_switch ip link set "v$host" master "br$host"
  fi
}

link_free() {
  local host=$1
  in_switch tc qdisc del dev "v$host" root 2>/dev/null || true
  on "$host" tc qdisc del dev eth0 root 2>/dev/null || true
  if [ -e "$hosts_dir/wire$host.pid" ]; then
    in_switch ip link set "v$host" master br0
    kill "$(pid_of "wire$host")"
    rm "$hosts_dir/wire$host.pid"
    in_switch ip link del "br$host"
  fi
}

# Processes of a host are those of its network.
pids_on() {
  local network pid
  network=$(readlink "/proc/$(pid_of "node$1")/ns/net") || return 0
  for pid in /proc/[0-9]*; do
    [ "$(readlink "$pid/ns/net" 2>/dev/null)" != "$network" ] || echo "${pid#/proc/}"
  done
}

host_die() {
  local host=$1 pids first
  first=$(pid_of "node$host")
  link_down "$host"
  if [ "$host" = 1 ]; then
    for _ in 1 2 3; do
      mapfile -t pids < <(pids_on 1 | grep -vx "$first")
      [ ${#pids[@]} -eq 0 ] || kill -KILL "${pids[@]}" 2>/dev/null || true
    done
  fi
  kill -KILL "$first" 2>/dev/null || true # and with it all of its process namespace
  in_switch ip link del "v$host" 2>/dev/null || true
}

host_again() {
  host_up "$1"
  wait_for "node$1's cable" 10 reachable "$1"
}

# processes NAME [HOST]: that run or are stopped; one that has ended but was not waited for does not count.
processes() {
  local pid on_host=
  [ -z "${2:-}" ] || on_host=$(pids_on "$2")
  for pid in $(pgrep -x "$1"); do
    [ -z "${2:-}" ] || grep -qx "$pid" <<<"$on_host" || continue
    ! grep -q '^State:[[:space:]]*[ZX]' "/proc/$pid/status" 2>/dev/null || continue
    echo "$pid"
  done
}

# wait_for WHAT SECONDS COMMAND...: until it succeeds, or the test fails.
wait_for() {
  local what=$1 end=$(($(now_ms) + $2 * 1000))
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ "$(now_ms)" -lt "$end" ] || fail "waited in vain for $what"
    sleep 0.05
  done
}

now_ms() { echo $((${EPOCHREALTIME/[^0-9]/} / 1000)); }

fail() {
  echo "FAILED: $*"
  local file
  for file in "$hosts_dir"/*.out; do
    [ ! -s "$file" ] || { echo "---- ${file##*/}"; tail -n 40 "$file"; }
  done
  exit 1
}
