"""Print the cost of the tutorial's work, relative to a compute limit from the same run.

Usage: python -m benchmarks.tutorial [--rounds N] [--no-evaluation] [--comm TCP|IPC]
    [--against DIR] [--times N]

The work is that of ``work.py``: 20 rounds; at rounds 10 and 20, training loss on the
node's 3,125 images and a test on all 10,000. The limit: the same steps and evaluations
in bare torch loops, data in memory, one process per core, no communication. With
``--against``, this checkout and another one do the work in turn, ``--times`` times.
"""

import argparse
import multiprocessing
import sys
import time
from typing import Any

from benchmarks import machine, work
from benchmarks.work import BATCH, NODES, SAMPLES, STEPS
from decentralizepy.machine import cores

EVERY = 10  # rounds between evaluations


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--no-evaluation", action="store_true")
    work.options(parser)
    args = parser.parse_args()
    work.prepare(args.data)
    evaluations = 0 if args.no_evaluation else args.rounds // EVERY
    every = EVERY if evaluations else work.NEVER
    print(machine.describe(), flush=True)
    limit = compute_limit(str(args.data), args.rounds, evaluations)
    print(f"compute limit    {limit:8.1f} s wall", flush=True)
    checkouts = [work.ROOT, *([args.against] if args.against else [])]
    costs = work.alternate(
        checkouts,
        lambda checkout: work.run(checkout, args, args.rounds, every),
        args.times if args.against else 1,
    )
    for name, cost in zip(("this run", "the other"), costs, strict=False):
        print(
            f"{name:16} {cost.wall:8.1f} s wall, {cost.cpu:.1f} s cpu, "
            f"{cost.peak:.0f} MiB peak PSS"
        )
        print(f"first round      {cost.first:8.1f} s after the start")
        print(f"wall / limit     {cost.wall / limit:8.2f}")
    work.print_ratios(costs)


def compute_limit(data: str, rounds: int, evaluations: int) -> float:
    """Return the seconds for the bare loops of all nodes, one process per core."""
    count = cores()
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(count + 1)
    share = [NODES // count + (core < NODES % count) for core in range(count)]
    workers = [
        context.Process(
            target=bare_loops, args=(data, nodes, rounds, evaluations, barrier)
        )
        for nodes in share
    ]
    for worker in workers:
        worker.start()
    barrier.wait()
    start = time.monotonic()
    for worker in workers:
        worker.join()
        if worker.exitcode:
            sys.exit("a bare loop failed")
    return time.monotonic() - start


def bare_loops(
    data: str, nodes: int, rounds: int, evaluations: int, barrier: Any
) -> None:
    import torch

    from decentralizepy.datasets.CIFAR10 import CIFAR10, LeNet
    from decentralizepy.node.process import keep_freed_memory

    torch.set_num_threads(1)
    keep_freed_memory()
    images, labels = (torch.from_numpy(array) for array in CIFAR10.read(data, True))
    tests, targets = (torch.from_numpy(array) for array in CIFAR10.read(data, False))
    model = LeNet().to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    loss = torch.nn.CrossEntropyLoss()

    def batch(pixels):
        return pixels.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)

    def step(start):
        optimizer.zero_grad()
        value = loss(
            model(batch(images[start : start + BATCH])), labels[start : start + BATCH]
        )
        value.backward()
        optimizer.step()

    def evaluate(pixels, truth):
        for start in range(0, len(pixels), 16):
            output = model(batch(pixels[start : start + 16]))
            loss(output, truth[start : start + 16])
            (output.argmax(1) == truth[start : start + 16]).sum()

    step(0)
    barrier.wait()
    for _ in range(nodes):
        for number in range(rounds * STEPS):
            step(number * BATCH)
        model.eval()
        with torch.inference_mode():
            for _ in range(evaluations):
                evaluate(images[: SAMPLES // NODES], labels[: SAMPLES // NODES])
                evaluate(tests, targets)
        model.train()


if __name__ == "__main__":
    main()
