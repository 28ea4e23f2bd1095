"""Print the CPU time per node and round of each engine, in steps of plain training.

Digits' MLP on a regular graph of degree 6, one step with a batch of 8 per round, 16
samples per node, no evaluation. The time is the difference of two runs of different
length, so that start and end do not count. ``batched`` is the engine packed with
``--batched on``; packed and batched have two workers.

Two yardsticks are timed in this process after each run, all as CPU time: a step of the
same model and batch size in a loop of plain training, and a bare loop over rounds of as
many nodes as a worker has, in which nothing is done but the arithmetic: vmapped gradients
of stacked parameters in parts of 256, and one sparse product.

The last line is a single run of one round, start and end included.

Usage: python -m benchmarks.scale [--nodes N ...] [--engines packed batched]
    [--most N] [--csv FILE]
"""

import argparse
import csv
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import torch
from torch.func import functional_call, grad, vmap
from torch.nn.functional import embedding_bag

from benchmarks.bits import BASE, ROOT, ini
from benchmarks.machine import children_cpu, describe
from decentralizepy.datasets.Digits import MLP

BATCH, SAMPLES, STEPS = 8, 16, 2_000
DEGREE, PART, BARE_ROUNDS, WORKERS = 6, 256, 5, 2
SHORT, SAMPLED_S, MIB = 2, 0.25, 1 << 20
NODES, MOST = (16, 64, 256, 1_024, 10_000), 100_000
PACKED = {"RUN.engine": "packed", "RUN.workers": WORKERS}
ENGINES = {
    "process": {"RUN.engine": "process"},
    "packed": PACKED,
    "batched": {**PACKED, "RUN.batched": "on"},
    "debug": {"RUN.engine": "debug"},
}
# up to how many nodes an engine is run, and how many rounds of a node, at least, the long
# run has more than the short one: enough for their time to stand out from that of a start
LIMITS = {"process": 256, "packed": 1_024, "batched": 10_000, "debug": 256}
ROUNDS = {"process": 2_000, "packed": 8_000, "batched": 160_000, "debug": 8_000}
SETTINGS = {
    "DATASET.dataset_package": "benchmarks.repeated",
    "DATASET.dataset_class": "RepeatedDigits",
    "DATASET.partition_niid": "iid",
    "DATASET.shards": "",
    "TRAIN_PARAMS.rounds": "1",
    "TRAIN_PARAMS.full_epochs": "False",
    "TRAIN_PARAMS.shuffle": "False",
    "GRAPH.degree": str(DEGREE),
    "RUN.test_after": "10000",
    "RUN.train_evaluate_after": "10000",
}


class Cost(NamedTuple):
    """What a run took: seconds of CPU and of time, and the most memory in bytes."""

    cpu: float
    wall: float
    memory: int


def step() -> float:
    """Return the CPU seconds of one step of plain training."""
    torch.set_num_threads(1)
    model, loss = MLP(), torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x, y = torch.rand(BATCH, 1, 8, 8), torch.randint(10, (BATCH,))
    start = time.process_time()
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss(model(x), y).backward()
        optimizer.step()
    return (time.process_time() - start) / STEPS


def bare(nodes: int) -> float:
    """Return the CPU seconds of a node's round in a loop of nothing but arithmetic."""
    generator = torch.Generator().manual_seed(1)
    model, loss = MLP(), torch.nn.CrossEntropyLoss()
    shapes = {name: each.shape for name, each in model.named_parameters()}
    lens = [shape.numel() for shape in shapes.values()]
    vectors = torch.rand(nodes, sum(lens), generator=generator) / 10
    x = torch.rand(nodes, BATCH, 1, 8, 8, generator=generator)
    y = torch.randint(10, (nodes, BATCH), generator=generator)
    neighbors = torch.randint(nodes, (nodes, DEGREE), generator=generator)
    index = torch.cat([torch.arange(nodes)[:, None], neighbors], 1)
    weights = torch.full(index.shape, 1 / (DEGREE + 1))

    def objective(vector: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> Any:
        parts = zip(shapes.items(), vector.split(lens), strict=True)
        parameters = {name: part.view(shape) for (name, shape), part in parts}
        return loss(functional_call(model, parameters, (x,)), y)

    gradient = vmap(grad(objective))
    start = time.process_time()
    for number in range(BARE_ROUNDS + 1):
        if number == 1:  # the first one warms up
            start = time.process_time()
        for rows in torch.arange(nodes).split(PART):
            part = slice(rows[0], rows[-1] + 1)
            change = gradient(vectors[part], x[part], y[part])
            vectors[part].sub_(change, alpha=0.1)
        vectors = embedding_bag(index, vectors, per_sample_weights=weights, mode="sum")
    return (time.process_time() - start) / BARE_ROUNDS / nodes


def run(engine: str, nodes: int, rounds: int, folder: Path) -> Cost:
    """Return what a run took."""
    settings = {
        "RUN.procs_per_machine": nodes,
        "DATASET.samples": SAMPLES * nodes,
        **ENGINES[engine],
    }
    text = ini(
        {**BASE, **SETTINGS, **{key: str(value) for key, value in settings.items()}}
    )
    (folder / "run.ini").write_text(text)
    words = f"run run.ini -is {rounds} -ld run -wsd run/weights --overwrite".split()
    before, start = children_cpu(), time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "decentralizepy", *words],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        env={"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )
    with Memory(process.pid) as memory:
        if process.wait():
            raise SystemExit(f"{engine} with {nodes} nodes failed")
    return Cost(children_cpu() - before, time.monotonic() - start, memory.most)


class Memory:
    """The most memory that a process and its children have used, while this is entered.

    What processes share counts once.
    """

    def __init__(self, pid: int) -> None:
        self.pid, self.most = pid, 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample)

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._over.wait(SAMPLED_S):
            try:
                parent = psutil.Process(self.pid)
                found = [parent, *parent.children(recursive=True)]
                used = sum(each.memory_full_info().pss for each in found)
            except psutil.Error:  # one of them has just ended
                continue
            self.most = max(self.most, used)


def row(engine: str, nodes: int, folder: Path) -> dict[str, Any]:
    """Return what a node and round takes with an engine, and what yardsticks do."""
    more = max(ROUNDS[engine] // nodes, 10)
    short, long = (run(engine, nodes, SHORT + extra, folder) for extra in (0, more))
    each = (long.cpu - short.cpu) / more / nodes
    return {
        "engine": engine,
        "nodes": nodes,
        "us": 1e6 * each,
        "steps": each / step(),
        "loops": each / bare(max(1, nodes // WORKERS)),
        "rounds/s": more / (long.wall - short.wall),
        "start s": short.wall,
        "MiB": long.memory / MIB,
    }


def told(found: dict[str, Any]) -> str:
    """Return a row of the table."""
    return (
        "{engine:8} {nodes:7,} {us:9.0f} {steps:7.2f} {loops:6.1f} {rounds/s:9.2f}"
        " {start s:8.1f} {MiB:7,.0f}"
    ).format_map(found)


def main() -> None:
    """Measure and print one line per engine and number of nodes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", nargs="+", type=int, default=NODES)
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=[*ENGINES][:3])
    parser.add_argument(
        "--most", type=int, default=MOST, help="0: without the last line"
    )
    parser.add_argument(
        "--csv", type=Path, help="a file to which rows are written, too"
    )
    args = parser.parse_args()
    print(describe())
    print(
        f"{'engine':8} {'nodes':>7} {'us a round':>9} {'steps':>6} {'loops':>6}"
        f" {'rounds/s':>9} {'start s':>8} {'MiB':>7}"
    )
    pairs = [(e, n) for n in args.nodes for e in args.engines if n <= LIMITS[e]]
    found = []
    with tempfile.TemporaryDirectory(prefix="scale-") as scratch:
        folder = Path(scratch)
        for engine, nodes in pairs:
            found.append(row(engine, nodes, folder))
            print(told(found[-1]), flush=True)
        if args.most:
            cost = run("batched", args.most, 1, folder)
            print(
                f"batched {args.most:,} nodes, one round, with start and end:"
                f" {cost.wall:.0f} s, {cost.memory / MIB:,.0f} MiB"
            )
    if args.csv and found:
        with args.csv.open("w", newline="") as file:
            writer = csv.DictWriter(file, [*found[0]])
            writer.writeheader()
            writer.writerows(found)


if __name__ == "__main__":
    main()
