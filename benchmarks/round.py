"""Print where the CPU time of a step goes, beside that of bare torch loops.

Usage: python -m benchmarks.round [--rounds N] [--comm TCP|IPC] [--beside DIR]
       python -m benchmarks.round --against DIR [--times N]

All columns are CPU milliseconds per step of the same work (work.py), without evaluation.
``alone`` is a bare loop in one process per core, ``at once`` the same in 16 processes,
and ``in turn`` in 16 of which one per core computes at a time; ``run`` is this checkout,
and ``beside`` another one of this package. With ``--against``, this checkout and any
other one, also of DecentralizePy, run in turn, and their costs per round are compared.
"""

import argparse
import json
import multiprocessing
import statistics
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from benchmarks import machine, work
from decentralizepy.datasets.CIFAR10 import CIFAR10, LeNet
from decentralizepy.datasets.pixels import Images
from decentralizepy.machine import cores
from decentralizepy.node import process

WARM_UP = 2  # rounds that are not counted
PARTS = (
    "batch",
    "forward",
    "backward",
    "step",
    "optimizer",
    "message",
    "receive",
    "average",
    "results",
    "rest",
    "threads",
)
COUNTS = ("waits", "preempted", "faults")
SEAMS = "[NODE]\nnode_package = benchmarks.seams\nnode_class = TimedNode\n"
Lap = Mapping[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--beside", type=Path, help="another checkout, as a column")
    work.options(parser)
    args = parser.parse_args()
    work.prepare(args.data)
    print(machine.describe(), flush=True)
    if args.against:
        compare(args)
        return
    count = cores()
    columns = {
        "alone": bare(args, count, count),
        "at once": bare(args, work.NODES, work.NODES),
        "in turn": bare(args, work.NODES, count),
        "run": seams(work.ROOT, args),
    }
    if args.beside:
        columns["beside"] = seams(args.beside.resolve(), args)
    table(columns)


def table(columns: Mapping[str, Sequence[Lap]]) -> None:
    """Print means over nodes and rounds, without the highest and lowest quarter."""
    print(" " * 12 + "".join(f"{name:>10}" for name in columns))
    for part in (*PARTS, "process"):
        cells = [1e3 * middle(laps, part) for laps in columns.values()]
        print(f"{part:12}" + "".join(f"{cell:10.2f}" for cell in cells))
    print("per round")
    for part in ("wall", *COUNTS):
        scale = work.STEPS * (1e3 if part == "wall" else 1)
        cells = [scale * middle(laps, part) for laps in columns.values()]
        print(f"{part:12}" + "".join(f"{cell:10.1f}" for cell in cells), flush=True)


def middle(laps: Sequence[Lap], part: str) -> float:
    """Return the interquartile mean of a part, per step."""
    values = sorted(lap.get(part, 0.0) for lap in laps)
    cut = len(values) // 4
    return statistics.mean(values[cut : len(values) - cut]) / work.STEPS


def seams(checkout: Path, args: argparse.Namespace) -> list[Lap]:
    """Run the work with a node that records its parts; return all laps."""
    laps: list[Lap] = []

    def keep(logs: Path) -> None:
        for path in logs.glob("*_seams.json"):
            laps.extend(json.loads(path.read_text())[WARM_UP:])

    work.run(checkout, args, args.rounds + WARM_UP, extra=SEAMS, keep=keep)
    return laps


def compare(args: argparse.Namespace) -> None:
    """Run both checkouts in turn; print what a round costs.

    That is the difference between a long and a short run, so the start does not count.
    """

    def cost(checkout: Path) -> work.Cost:
        short = work.run(checkout, args, WARM_UP)
        long = work.run(checkout, args, WARM_UP + args.rounds)
        return long.beyond(short, args.rounds)

    costs = work.alternate([work.ROOT, args.against], cost, args.times)
    for name, each in zip(("this", "the other"), costs, strict=True):
        print(f"{name:10} {each.wall:8.3f} s wall, {each.cpu:.3f} s cpu a round")
    work.print_ratios(costs)


def bare(args: argparse.Namespace, count: int, at_once: int) -> list[Lap]:
    """Return the laps of ``count`` processes of which ``at_once`` compute at a time."""
    context = multiprocessing.get_context("fork")
    barrier, turns = context.Barrier(count), context.Semaphore(at_once)
    turn: AbstractContextManager[Any] = turns if at_once < count else nullcontext()
    results: Any = context.SimpleQueue()
    loops = [
        context.Process(target=bare_loop, args=(args, barrier, turn, results))
        for _ in range(count)
    ]
    for loop in loops:
        loop.start()
    laps = [lap for _ in loops for lap in results.get()]
    for loop in loops:
        loop.join()
    return laps


def bare_loop(args: argparse.Namespace, barrier: Any, turn: Any, results: Any) -> None:
    """Train in rounds, all of which begin at a barrier; report parts by round."""
    process.configure(work.NODES)
    torch.set_num_threads(1)
    images = Images(*CIFAR10.read(str(args.data), True), CIFAR10.highest)
    torch.manual_seed(1)
    model, loss = LeNet(), torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    order = iter(torch.randperm(len(images)).split(work.BATCH))
    laps = []
    for _ in range(WARM_UP + args.rounds):
        barrier.wait()
        before = time.monotonic()
        with turn:
            spent = Counter[str]()
            for _ in range(work.STEPS):
                spent.update(step(model, loss, optimizer, images, next(order)))
        spent["process"] = sum(spent.values())
        spent["wall"] = time.monotonic() - before
        laps.append(dict(spent))
    results.put(laps[WARM_UP:])


def step(
    model: Any, loss: Any, optimizer: Any, images: Images, places: torch.Tensor
) -> dict[str, float]:
    """Take a step; return CPU seconds by part."""
    marks = [time.thread_time()]
    x, y = images[places.numpy()]
    marks.append(time.thread_time())
    optimizer.zero_grad()
    marks.append(time.thread_time())
    value = loss(model(x), y)
    marks.append(time.thread_time())
    value.backward()
    marks.append(time.thread_time())
    optimizer.step()
    marks.append(time.thread_time())
    batch, zero, forward, backward, update = (
        end - start for start, end in pairwise(marks)
    )
    return {
        "batch": batch,
        "forward": forward,
        "backward": backward,
        "optimizer": zero + update,
    }


if __name__ == "__main__":
    main()
