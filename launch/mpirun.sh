#!/usr/bin/env bash
# mpirun with the settings that a training over many hosts needs. The only place where they stand.
set -euo pipefail

usage() {
  cat <<EOF
Usage: launch/mpirun.sh ARGUMENTS OF mpirun
       launch/mpirun.sh -np 4 pgan-train --data PACK --run DIR
       launch/mpirun.sh --host node1:8,node2:8 pgan-train --data PACK --run DIR

Open MPI's mpirun, with other defaults. Each is an environment variable; one that is set already, and any
option on the command line, is left as it is.

  OMPI_MCA_hwloc_base_binding_policy=none     ranks have several threads; mpirun binds each to one core
  OMPI_MCA_oob_tcp_keepalive_time=4           a dead host or a cut link is noticed after 4 + 3 x 1 s of
  OMPI_MCA_oob_tcp_keepalive_intvl=1          silence, not after 8 minutes
  OMPI_MCA_oob_tcp_keepalive_probes=3
  OMPI_MCA_odls_base_sigkill_timeout=0        no pause between SIGTERM and SIGKILL when a job has failed: by
                                              default mpirun sleeps 4 s (measured), rank or no rank
  OMPI_MCA_btl_vader_single_copy_mechanism=none   containers forbid the system call behind it
  OMPI_ALLOW_RUN_AS_ROOT, _CONFIRM=1          for root alone, as in containers

Networks are not chosen: where hosts have several (docker0, ib0), give --mca btl_tcp_if_include eth0
--mca oob_tcp_if_include eth0.

To stop with a checkpoint, send mpirun SIGUSR1, which it passes on, or make the file DIR/stop in the run's folder.
Ctrl-C, SIGTERM or a closed terminal make mpirun kill the ranks at once, without a checkpoint; launch/supervise.sh
makes them stop with one.

The page of text about exit code 75 after a requested stop is mpirun's own. --quiet hides it, and with it the line
that says which rank was killed.

Exit status: mpirun's, which is that of the first rank that failed.
EOF
}

case ${1:-} in
  --help | -h)
    usage
    exit 0
    ;;
  '')
    echo "mpirun.sh: no command; see --help" >&2
    exit 2
    ;;
esac
command -v mpirun >/dev/null || {
  echo "mpirun.sh: no mpirun in PATH; install Open MPI (launch/install.sh), or load the site's module" >&2
  exit 2
}

# As environment variables they give way to the command line, and reach the daemons on other hosts.
export OMPI_MCA_hwloc_base_binding_policy=${OMPI_MCA_hwloc_base_binding_policy:-none}
export OMPI_MCA_oob_tcp_keepalive_time=${OMPI_MCA_oob_tcp_keepalive_time:-4}
export OMPI_MCA_oob_tcp_keepalive_intvl=${OMPI_MCA_oob_tcp_keepalive_intvl:-1}
export OMPI_MCA_oob_tcp_keepalive_probes=${OMPI_MCA_oob_tcp_keepalive_probes:-3}
export OMPI_MCA_odls_base_sigkill_timeout=${OMPI_MCA_odls_base_sigkill_timeout:-0}
export OMPI_MCA_btl_vader_single_copy_mechanism=${OMPI_MCA_btl_vader_single_copy_mechanism:-none}
if [ "$(id -u)" -eq 0 ]; then
  export OMPI_ALLOW_RUN_AS_ROOT=${OMPI_ALLOW_RUN_AS_ROOT:-1}
  export OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=${OMPI_ALLOW_RUN_AS_ROOT_CONFIRM:-1}
fi
exec mpirun "$@"
