"""Print the CPU time per node and round of each framework, in steps of plain training.

Usage: python -m benchmarks.peers.compare --python PEERS/bin/python [--nodes 16 128 1024]
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

from benchmarks.machine import describe
from benchmarks.scale import row

HERE = Path(__file__).parent
OURS = "process", "packed", "batched"  # engines, as in benchmarks.scale
PEERS = {"gossipy": "gossipy_run.py", "Flower": "flower_run.py"}
ROUNDS = 10
MOST = {"process": 128, "Flower": 128}  # nodes; a run of 1,024 takes long


def ours(engine: str, nodes: int) -> float:
    """Return the steps that a node-round of this package takes."""
    with tempfile.TemporaryDirectory(prefix="peers-") as folder:
        return float(row(engine, nodes, Path(folder))["steps"])


def theirs(python: str, script: str, nodes: int) -> float:
    """Return the steps that a node-round of another framework takes."""
    words = [python, HERE / script, str(nodes), str(ROUNDS)]
    done = subprocess.run(
        words, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    found = json.loads(done.stdout.splitlines()[-1])
    return float(found["seconds"] / found["step"])


def main() -> None:
    """Measure and print one line per framework and number of nodes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", required=True, help="with both peers installed")
    parser.add_argument("--nodes", nargs="+", type=int, default=[16, 128, 1024])
    args = parser.parse_args()
    print(describe())
    print(f"{'framework':10} {'nodes':>6} {'steps':>7}")
    for nodes in args.nodes:
        for name in (*OURS, *PEERS):
            if nodes > MOST.get(name, nodes):
                continue
            if name in PEERS:
                steps = theirs(args.python, PEERS[name], nodes)
            else:
                steps = ours(name, nodes)
            print(f"{name:10} {nodes:6} {steps:7.2f}", flush=True)


if __name__ == "__main__":
    main()
