"""Print the seconds before the first round and after the last, over importing torch.

Usage: python -m benchmarks.startup [--repeats N] [--rounds N] [FILE.ini]
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.machine import describe

ROOT = Path(__file__).resolve().parent.parent
TORCH = "import torch, torch._dynamo, torch.optim"
LOOK_S = 0.005


def importing():
    """Return the seconds to start Python and import what every run needs of torch."""
    start = time.time()
    subprocess.run([sys.executable, "-c", TORCH], check=True)
    return time.time() - start


def running(config, rounds, folder):
    """Run an experiment; return the seconds before its first round and after its last."""
    logs, start = Path(folder, "logs"), time.time()
    flags = ["-is", str(rounds), "-ld", logs, "-wsd", Path(folder, "weights")]
    flags += ["--set", f"COMMUNICATION.offset={20_000 + os.getpid() % 10_000}"]
    command = [sys.executable, "-m", "decentralizepy", "run", config, *flags]
    run = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    first = 0.0
    while run.poll() is None:
        first = first or started(logs)
        time.sleep(LOOK_S)
    end = time.time()
    if run.returncode:
        sys.exit("the run failed")
    last = max(lines.stat().st_mtime for lines in logs.glob("*_results.jsonl"))
    return first - start, end - last


def started(logs):
    """Return the time now if all nodes have begun their first round, and 0 otherwise."""
    nodes = len(list(logs.glob("*.log")))
    begun = len(list(logs.glob("*_results.jsonl")))
    return time.time() if nodes == begun > 0 else 0.0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("config", nargs="?", default="eval/config_digits.ini")
    args = parser.parse_args()
    measured = []
    for _ in range(args.repeats):
        bare = importing()
        with tempfile.TemporaryDirectory() as folder:
            measured.append((bare, *running(args.config, args.rounds, folder)))
    bare, first, end = (statistics.median(each) for each in zip(*measured, strict=True))
    ratio = statistics.median(one[1] / one[0] for one in measured)
    print(describe())
    print(f"import torch     {bare:6.2f} s")
    print(f"first round      {first:6.2f} s after the start, ratio {ratio:.2f}")
    print(f"end              {end:6.2f} s after the last round")


if __name__ == "__main__":
    main()
