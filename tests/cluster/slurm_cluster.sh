#!/usr/bin/env bash
# A private Slurm cluster on this machine for as long as one command runs.
set -euo pipefail

usage() {
  cat <<END
Usage: tests/cluster/slurm_cluster.sh COMMAND [ARGUMENTS]

Starts munged, slurmctld and two slurmd (nodes n1 and n2, 4 CPUs each as far as Slurm knows), runs COMMAND where sbatch,
squeue and scontrol see them, and ends all of it. Try it with bash.

The controller and each node have a host name, an address and a network of their own (namespaces),
and nothing that listens outside. All processes live in one process namespace: however this ends,
killed too, nothing is left. Files are in \$PGAN_SLURM_SCRATCH, in memory, gone at the end.

Environment:
  PGAN_SLURM_RATE    bandwidth of the link from n2 to n1, such as 2mbit (default: unlimited)
  PGAN_SLURM_CONF    lines added to slurm.conf
  CI=true            a missing Slurm is a failure and not a skip

Exit status: that of COMMAND; 77 where it cannot run (no root, no Slurm), with the reason.
END
}

scratch=/run/pgan
PATH=$PATH:/usr/sbin:/sbin
needed=(munged mungekey slurmctld slurmd sbatch scontrol ip tc unshare nsenter)

skip() {
  printf 'slurm_cluster.sh: %s\n' "$*" >&2
  if [ "${CI:-}" = true ]; then exit 1; fi
  exit 77
}

give_up() {
  printf 'slurm_cluster.sh: %s\n' "$*" >&2
  tail -n 20 "$scratch"/log/* >&2 || true
  exit 1
}

check_machine() {
  local tool missing=() refused
  if [ "$(id -u)" -ne 0 ]; then
    echo "slurm_cluster.sh: not root: namespaces and munged need it" >&2
    exit 77
  fi
  for tool in "${needed[@]}"; do
    command -v "$tool" >/dev/null || missing+=("$tool")
  done
  [ ${#missing[@]} -eq 0 ] ||
    skip "not installed: ${missing[*]} (apt-get install slurmctld slurmd slurm-client slurm-wlm-basic-plugins munge iproute2)"
  refused=$(unshare --pid --fork --mount-proc --net --uts --ipc ip link add name v1 type veth peer name w1 2>&1) ||
    skip "no namespaces and virtual links on this machine: $refused"
}

# host NAME ADDRESS: a host of its own, named and linked; its process is kept in holder-NAME.
host() {
  local name=$1 address=$2 holder
  unshare --net --uts --mount bash -c "hostname $name && exec sleep infinity" &
  holder=$!
  until [ "$(nsenter --target "$holder" --uts hostname)" = "$name" ]; do sleep 0.05; done
  echo "$holder" >"$scratch/holder-$name"
  ip link add name "v-$name" type veth peer name "w-$name"
  ip link set "v-$name" master bridge0 up
  ip link set "w-$name" netns "$holder" name eth0
  on "$name" ip link set lo up
  on "$name" ip addr add "$address/24" dev eth0
  on "$name" ip link set eth0 up
  # What hosts do not share: munged's socket, and the folders that Slurm's PMIx names by job alone.
  on "$name" mount -t tmpfs tmpfs /run/munge
  on "$name" mount -t tmpfs tmpfs "$scratch/local"
}

# on NAME COMMAND...: runs a command on a host.
on() {
  local name=$1
  shift
  nsenter --target "$(cat "$scratch/holder-$name")" --net --uts --mount "$@"
}

# One for each host, as on real ones: a shared one takes a message to two nodes for a replay.
start_munged() {
  local name=$1
  shift
  "$@" munged --key-file "$scratch/munge.key" --pid-file "/run/munge/munged.pid" \
    --log-file "$scratch/log/munged-$name" --seed-file "/run/munge/munge.seed" ||
    give_up "munged does not start on $name"
}

write_configuration() {
  cat >"$scratch/hosts" <<END
127.0.0.1 localhost
10.77.0.254 control
10.77.0.1 n1
10.77.0.2 n2
END
  # cred_expire: how long a requeued job waits before it may start again.
  cat >"$scratch/slurm.conf" <<END
ClusterName=pgan
SlurmctldHost=control(10.77.0.254)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=cred_expire=5
CredType=cred/munge
StateSaveLocation=$scratch/state
SlurmdSpoolDir=$scratch/spool-%n
SlurmctldPidFile=$scratch/slurmctld.pid
SlurmdPidFile=$scratch/slurmd-%n.pid
SlurmctldLogFile=$scratch/log/slurmctld
SlurmdLogFile=$scratch/log/slurmd-%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
ReturnToService=2
KillWait=5
MinJobAge=600
SlurmdParameters=config_overrides
SchedulerParameters=bf_interval=1,sched_interval=2
NodeName=n1 NodeAddr=10.77.0.1 CPUs=4 RealMemory=1000
NodeName=n2 NodeAddr=10.77.0.2 CPUs=4 RealMemory=1000
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
${PGAN_SLURM_CONF:-}
END
  echo "PMIxCliTmpDirBase=$scratch/local" >"$scratch/mpi.conf"
}

start_daemons() {
  local name
  mungekey --create --keyfile "$scratch/munge.key"
  start_munged control env
  slurmctld -D >>"$scratch/log/slurmctld.out" 2>&1 &
  for name in n1 n2; do
    host "$name" "10.77.0.${name#n}"
    start_munged "$name" on "$name"
    on "$name" slurmd -D -N "$name" </dev/null >>"$scratch/log/slurmd-$name.out" 2>&1 &
  done
  [ -z "${PGAN_SLURM_RATE:-}" ] || on n2 tc qdisc add dev eth0 root tbf rate "$PGAN_SLURM_RATE" burst 4kb latency 2s
}

wait_for_nodes() {
  local deadline=$((SECONDS + 60))
  until [ "$(sinfo --noheader --format='%T %D' 2>/dev/null)" = "idle 2" ]; do
    [ "$SECONDS" -lt "$deadline" ] || give_up "the nodes are not idle after 60 s: $(sinfo 2>&1 | tail -n 3)"
    sleep 0.2
  done
}

# The first process of the namespaces: when it ends, the kernel kills all others in them.
inside() {
  mount -t tmpfs tmpfs /run
  mount -t tmpfs tmpfs /dev/shm
  mkdir -p "$scratch"/{state,log,spool-n1,spool-n2,tmp,local} /run/munge /run/lock
  write_configuration
  mount --bind "$scratch/hosts" /etc/hosts
  hostname control
  ip link set lo up
  ip link add name bridge0 type bridge
  ip addr add 10.77.0.254/24 dev bridge0
  ip link set bridge0 up
  unset "${!SLURM@}" "${!SBATCH@}" "${!OMPI_MCA@}" "${!PMIX@}"
  export SLURM_CONF=$scratch/slurm.conf PGAN_SLURM_SCRATCH=$scratch TMPDIR=$scratch/tmp
  start_daemons
  wait_for_nodes
  local status=0
  "$@" || status=$?
  exit "$status"
}

case ${1:-} in
  --inside)
    shift
    inside "$@"
    ;;
  --help | -h)
    usage
    ;;
  '')
    echo "slurm_cluster.sh: no command; see --help" >&2
    exit 2
    ;;
  *)
    check_machine
    exec unshare --pid --fork --kill-child=KILL --mount-proc --net --uts --ipc \
      bash "${BASH_SOURCE[0]}" --inside "$@"
    ;;
esac
