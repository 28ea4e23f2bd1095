"""Compare the bytes that nodes report with those that a network interface carried.

``python -m benchmarks.wire`` runs small experiments on the digits, each in a network
namespace of its own (``unshare``, which may need root), and reads the counters of its
interface. The last column is what the nodes report, ``total_bytes + total_control``, as a
fraction of what TCP carried, which is that of the interface less the headers of packets.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

HEADERS = 20 + 32  # bytes of IPv4 and TCP with timestamps, in every packet
# without the kernel's probes, which resend a segment that is acknowledged late
SHELL = (
    "ip link set lo up && sysctl -qw net.ipv4.tcp_early_retrans=0 && "
    '"$@" >&2 && cat /proc/net/dev'
)
COMMON = {
    "DATASET.model_class": "MLP",
    "RUN.procs_per_machine": 8,
    "RUN.train_evaluate_after": 1000,
}
FEDERATED = {
    "NODE.node_package": "decentralizepy.node.DPSGDNodeFederated",
    "NODE.node_class": "DPSGDNodeFederated",
    "NODE.server_package": "decentralizepy.node.FederatedParameterServer",
    "NODE.server_class": "FederatedParameterServer",
}
CASES = {
    "D-PSGD": {},
    "EL_Local": {
        "NODE.node_package": "decentralizepy.node.EpidemicLearning.EL_Local",
        "NODE.node_class": "EL_Local",
        "NODE.graph_degree": 4,
        "GRAPH.degree": 7,
    },
    "Federated": FEDERATED,
}


class Bytes(NamedTuple):
    """What a run sent, as reported and as counted by the interface."""

    messages: int
    control: int
    tcp: int
    interface: int


def measure(case: str, rounds: int) -> Bytes:
    """Run a case in a namespace; return the bytes of all nodes.

    Raises
    ------
    subprocess.CalledProcessError
        If there is no namespace to be had, or the run fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        options = {**COMMON, **CASES[case], "RUN.iterations": rounds}
        sets = [word for key in options for word in ("--set", f"{key}={options[key]}")]
        run = [sys.executable, "-m", "decentralizepy", "run", "eval/config_digits.ini"]
        words = [*run, *sets, "-ld", folder, "-wsd", folder]
        apart = ["unshare", "--map-root-user", "--net", "sh", "-c", SHELL, "sh"]
        done = subprocess.run([*apart, *words], stdout=subprocess.PIPE, check=True)
        found = re.search(rb"lo: *(\d+) +(\d+)", done.stdout)
        assert found, done.stdout
        interface, packets = map(int, found.groups())
        tables = [
            json.loads(p.read_text()) for p in Path(folder).glob("*_results.json")
        ]
    sent, control = (
        sum([*table[name].values()][-1] for table in tables)
        for name in ("total_bytes", "total_control")
    )
    return Bytes(sent, control, interface - HEADERS * packets, interface)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    rounds = parser.parse_args().rounds
    print(
        f"{'':12}{'messages':>12}{'control':>10}{'TCP':>12}{'interface':>12}{'share':>8}"
    )
    for case in CASES:
        sent, control, tcp, interface = measure(case, rounds)
        share = (sent + control) / tcp
        print(f"{case:12}{sent:12}{control:10}{tcp:12}{interface:12}{share:8.2%}")


if __name__ == "__main__":
    main()
