"""The work that tutorial.py and round.py time, done by any checkout: 16 nodes on LeNet.

The graph is regular of degree 5; a round is 3 steps with 8 images of CIFAR-10's stand-in.
"""

import argparse
import math
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

from benchmarks.machine import children_cpu

ROOT = Path(__file__).resolve().parent.parent
NODES, DEGREE, STEPS, BATCH, SAMPLES = 16, 5, 3, 8, 50_000
NEVER = 10**6
START_S = 20  # how long to look often whether the nodes have begun
MEMORY_SHARE = 0.01  # of the time; the kernel takes 0.1 s of CPU for 16 processes

CONFIG = """\
[DATASET]
dataset_package = decentralizepy.datasets.CIFAR10
dataset_class = CIFAR10
model_class = LeNet
train_dir = {data}
test_dir = {data}
random_seed = 90
partition_niid = iid
[OPTIMIZER_PARAMS]
optimizer_package = torch.optim
optimizer_class = SGD
lr = 0.01
[TRAIN_PARAMS]
training_package = decentralizepy.training.Training
training_class = Training
rounds = {steps}
batch_size = {batch}
shuffle = True
loss_package = torch.nn
loss_class = CrossEntropyLoss
[COMMUNICATION]
comm_package = decentralizepy.communication.{comm}
comm_class = {comm}
addresses_filepath = {folder}/ip.json
[SHARING]
sharing_package = decentralizepy.sharing.Sharing
sharing_class = Sharing
"""


class Cost(NamedTuple):
    """What a run took: seconds, seconds until the first round, and MiB at the peak."""

    wall: float
    cpu: float
    first: float
    peak: float

    def beyond(self, start: "Cost", rounds: int) -> "Cost":
        """Return the cost of each of ``rounds`` rounds after a shorter run."""
        wall, cpu = (self.wall - start.wall) / rounds, (self.cpu - start.cpu) / rounds
        return Cost(wall, cpu, self.first, self.peak)


def options(parser: argparse.ArgumentParser) -> None:
    """Add the options that both benchmarks have."""
    parser.add_argument("--comm", choices=["TCP", "IPC"], default="TCP")
    parser.add_argument(
        "--data", type=Path, default=ROOT / "eval" / "data" / "stand-in"
    )
    parser.add_argument("--against", type=Path, help="another checkout, to compare")
    parser.add_argument("--times", type=int, default=3, help="runs of each checkout")


def prepare(data: Path) -> None:
    """Write the stand-in for CIFAR-10 to ``data``, unless it is there."""
    if not Path(data, "cifar-10-batches-py").exists():
        from decentralizepy.datasets.stand_in import cifar10

        cifar10.write(data)


def run(
    checkout: Path,
    args: argparse.Namespace,
    rounds: int,
    every: int = NEVER,
    extra: str = "",
    keep: Callable[[Path], None] | None = None,
) -> Cost:
    """Have ``checkout`` do the work; ``keep`` is called with its log folder.

    Parameters
    ----------
    checkout
        A folder with ``eval/testing.py``; this checkout's interpreter runs it.
    every
        Rounds between evaluations, of the training loss and on the test set.
    extra
        Further sections of the INI file.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = _command(checkout, args, Path(folder), rounds, every, extra)
        paths = [checkout, checkout / "src", ROOT]
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
        before, start = children_cpu(), time.monotonic()
        with open(Path(folder, "out"), "w") as out:
            process = subprocess.Popen(
                command, stdout=out, stderr=out, env=env, cwd=folder
            )
        watcher = Watcher(process.pid, Path(folder, "logs"))
        status = process.wait()
        seconds = time.monotonic() - start
        watcher.stop()
        if status:
            sys.exit(f"{checkout}: failed\n{Path(folder, 'out').read_text()[-2000:]}")
        if keep is not None:
            keep(Path(folder, "logs"))
        cpu = children_cpu() - before
    return Cost(seconds, cpu, watcher.first - start, watcher.peak / 2**20)


def alternate(
    checkouts: Sequence[Path], cost: Callable[[Path], Cost], times: int
) -> list[Cost]:
    """Return the median cost of each checkout, after ``times`` runs in turn."""
    runs: list[list[Cost]] = [[] for _ in checkouts]
    for _ in range(times):
        for checkout, costs in zip(checkouts, runs, strict=True):
            costs.append(cost(checkout.resolve()))
    return [Cost(*map(statistics.median, zip(*costs, strict=True))) for costs in runs]


def print_ratios(costs: Sequence[Cost]) -> None:
    """Print how many times as much the second cost is as the first, if there is one."""
    if len(costs) > 1:
        ours, theirs = costs
        for name in ("wall", "cpu", "peak"):
            ratio = getattr(theirs, name) / (getattr(ours, name) or math.nan)
            print(f"other / this, {name:8} {ratio:5.2f}")


def _command(
    checkout: Path,
    args: argparse.Namespace,
    folder: Path,
    rounds: int,
    every: int,
    extra: str,
) -> Sequence[str]:
    """Write INI, address and graph file, and return the command that runs them."""
    Path(folder, "ip.json").write_text('{"0": "localhost"}')
    text = CONFIG.format(
        data=args.data.resolve(),
        comm=args.comm,
        folder=folder,
        steps=STEPS,
        batch=BATCH,
    )
    Path(folder, "config.ini").write_text(text + extra)
    for name in ("logs", "weights"):
        Path(folder, name).mkdir()
    graph = f"-g Regular -n {NODES} -d {DEGREE} -s 1 -f {folder}/graph.edges"
    subprocess.run(
        [sys.executable, str(ROOT / "generate_graph.py"), *graph.split()],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    flags = (
        f"-mid 0 -ms 1 -ps {NODES} -is {rounds} -ta {every} -tea {every} -ro 0 "
        f"-gf {folder}/graph.edges -cf {folder}/config.ini "
        f"-ld {folder}/logs -wsd {folder}/weights"
    )
    driver = [str(checkout / "eval" / "testing.py")]
    if "[NODE]" in extra:  # the driver has a class of its own
        driver = ["-m", "decentralizepy", "run"]
    return [sys.executable, *driver, *flags.split()]


class Watcher(threading.Thread):
    """Record when the last node began its first round, and the peak memory."""

    def __init__(self, pid: int, logs: Path) -> None:
        super().__init__(daemon=True)
        self.process, self.logs = psutil.Process(pid), logs
        self.first, self.peak, self.over = math.nan, 0, threading.Event()
        self.start()

    def run(self) -> None:
        began = time.monotonic()
        while not self.over.is_set():
            waiting = math.isnan(self.first)
            if waiting and len(list(self.logs.glob("*.jsonl"))) == NODES:
                self.first = time.monotonic()
            asked = time.monotonic()
            often = waiting and asked < began + START_S
            if not often:
                self.peak = max(self.peak, self._memory())
            spent = time.monotonic() - asked
            self.over.wait(0.02 if often else max(1, spent / MEMORY_SHARE))

    def _memory(self) -> int:
        total = 0
        try:
            for process in [self.process, *self.process.children(recursive=True)]:
                total += process.memory_full_info().pss
        except psutil.Error:  # one has just ended
            pass
        return total

    def stop(self) -> None:
        """Stop watching."""
        self.over.set()
        self.join()
