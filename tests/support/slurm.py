"""A real Slurm of three nodes, on one host or in a network namespace each; needs root."""

import os
import shutil
import socket
import subprocess
import tempfile

from tests.support import LIMIT_S

CONF = """\
ClusterName=test
SlurmctldHost={host}({address})
SlurmctldPort=17817
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/ctld
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
ReturnToService=2
KillWait=5
SchedulerParameters=batch_sched_delay=0,sched_interval=5,bf_interval=5
SlurmdParameters=config_overrides
NodeName=m[0-2] {nodes} Port=[17820-17822] CPUs=2
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
# a namespace with nothing but loopback addresses resolves no name, hence the bridge
ONE_HOST = """\
ip link set lo up
ip link add d0 type bridge
ip address add 10.99.0.1/24 dev d0
ip link set d0 up
on() { shift; "$@"; }
"""
# not ip netns exec, whose mounts slurmd does not find its way in
APART = """\
on() {
    local name=$1 space=$KEY${1#m}
    shift
    nsenter --net=/run/netns/$space unshare --uts bash -c "hostname $name;"' exec "$@"' - "$@"
}
"""
SCRIPT = """\
munged --key-file=key --socket=$PWD/munge.socket --pid-file=$PWD/munged.pid \\
    --log-file=$PWD/munged.log --seed-file=$PWD/seed
on m0 slurmctld -f $SLURM_CONF
for node in m0 m1 m2; do on $node slurmd -f $SLURM_CONF -N $node; done
stop() {
    for file in slurmd.*.pid slurmctld.pid munged.pid; do
        pid=$(cat $file)
        kill $pid 2>/dev/null || continue
        while kill -0 $pid 2>/dev/null; do sleep 0.1; done  # it still writes files
    done
}
trap stop EXIT
until [ "$(on m0 sinfo -h -t idle -o %D)" = 3 ]; do sleep 0.2; done
(cd $WHERE && on m0 "$@")
"""
# whatever still runs at the end, or when a test gives up, ends with its process namespace
ALONE = ("unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
NEEDED = ("slurmctld", "slurmd", "munged", "srun", "unshare", "ip")


def missing():
    """Return why there can be no Slurm here, or None."""
    if os.geteuid() != 0:
        return "needs root"
    absent = [name for name in NEEDED if not shutil.which(name)]
    return f"needs {', '.join(absent)} (slurm-wlm, munge)" if absent else None


def run_in_cluster(words, where, cable=None, **environ):
    """Run a command where it can submit jobs; Slurm ends with it.

    The nodes m0, m1 and m2 are one host with one address, or the machines of a ``cable``.
    """
    # short, since it holds the path of a socket; nobody else may write to it
    with tempfile.TemporaryDirectory(prefix="slurm") as folder:
        os.chmod(folder, 0o755)
        for name in ("ctld", "spool"):
            os.mkdir(f"{folder}/{name}")
        with open(f"{folder}/slurm.conf", "w") as file:
            file.write(CONF.format(folder=folder, **places(cable)))
        with open(
            os.open(f"{folder}/key", os.O_CREAT | os.O_WRONLY, 0o400), "wb"
        ) as key:
            key.write(os.urandom(1024))
        settings = {"SLURM_CONF": f"{folder}/slurm.conf", "WHERE": str(where)}
        settings["KEY"] = cable.names[0][:-1] if cable else ""
        script = (APART if cable else ONE_HOST) + SCRIPT
        return subprocess.run(
            [*ALONE, "bash", "-c", script, "bash", *words],
            cwd=folder,
            env={**os.environ, **settings, **environ},
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        )


def places(cable):
    """Return what the configuration says of hosts and addresses."""
    if cable:
        listed = ",".join(cable.addresses.values())
        return {
            "host": "m0",
            "address": cable.addresses["0"],
            "nodes": f"NodeAddr={listed}",
        }
    host = socket.gethostname().partition(".")[0]
    nodes = f"NodeHostname={host} NodeAddr=127.0.0.1"
    return {"host": host, "address": "127.0.0.1", "nodes": nodes}
