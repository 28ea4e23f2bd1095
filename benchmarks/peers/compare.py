"""Print the CPU time per node and round of each framework, in steps of plain training.

Usage: python -m benchmarks.peers.compare --python PEERS/bin/python [--nodes 16 128 1024]
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

from benchmarks.machine import describe
from benchmarks.scale import LONG, SHORT, cpu, step

HERE = Path(__file__).parent
PEERS = {"gossipy": "gossipy_run.py", "Flower": "flower_run.py"}
ROUNDS = 10
MOST = {"Flower": 128}  # nodes; a round of 1,024 takes minutes


def ours(engine: str, nodes: int, folder: Path) -> float:
    """Return the steps that a node-round of this package takes."""
    long, short = (cpu(engine, nodes, rounds, folder) for rounds in (LONG, SHORT))
    return (long - short) / (LONG - SHORT) / nodes / step()


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
    print(f"{'framework':24} {'nodes':>6} {'steps':>7}")
    for nodes in args.nodes:
        with tempfile.TemporaryDirectory(prefix="peers-") as folder:
            steps = {"decentralizepy, packed": ours("packed", nodes, Path(folder))}
        for name, script in PEERS.items():
            if nodes <= MOST.get(name, nodes):
                steps[name] = theirs(args.python, script, nodes)
        for name, each in steps.items():
            print(f"{name:24} {nodes:6} {each:7.2f}", flush=True)


if __name__ == "__main__":
    main()
