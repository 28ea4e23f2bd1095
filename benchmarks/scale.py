"""Print the CPU time per node and round of each engine, in steps of plain training.

Digits' MLP on a regular graph of degree 6, one step with a batch of 8 per round, no
evaluation. The time is the difference of two runs of different length, so that start and
end do not count. ``batched`` is the engine packed with ``--batched on``.

Two yardsticks are timed in this process after each run, all as CPU time: a step of the
same model and batch size in a loop of plain training, and a bare loop over rounds of as
many nodes as a worker has, in which nothing is done but the arithmetic: vmapped gradients
of stacked parameters in parts of 256, and one sparse product.

Usage: python -m benchmarks.scale [--nodes 16 64 256] [--engines packed batched]
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch.func import functional_call, grad, vmap
from torch.nn.functional import embedding_bag

from benchmarks.bits import BASE, ROOT, ini
from benchmarks.machine import children_cpu, describe
from decentralizepy.datasets.Digits import MLP

SHORT, LONG, BATCH, STEPS = 5, 25, 8, 2_000
DEGREE, PART, BARE_ROUNDS, WORKERS = 6, 256, 5, 2
ENGINES = {
    "process": {"RUN.engine": "process"},
    "packed": {"RUN.engine": "packed", "RUN.workers": WORKERS},
    "batched": {"RUN.engine": "packed", "RUN.workers": WORKERS, "RUN.batched": "on"},
    "debug": {"RUN.engine": "debug"},
}
SETTINGS = {
    "DATASET.partition_niid": "iid",
    "DATASET.shards": "",
    "TRAIN_PARAMS.rounds": "1",
    "TRAIN_PARAMS.full_epochs": "False",
    "GRAPH.degree": str(DEGREE),
    "RUN.test_after": "1000",
    "RUN.train_evaluate_after": "1000",
}


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


def cpu(engine: str, nodes: int, rounds: int, folder: Path) -> float:
    """Return the CPU seconds of a run."""
    settings = {"RUN.procs_per_machine": nodes, **ENGINES[engine]}
    text = ini(
        {**BASE, **SETTINGS, **{key: str(value) for key, value in settings.items()}}
    )
    (folder / "run.ini").write_text(text)
    words = [
        "run",
        "run.ini",
        "-is",
        rounds,
        "-ld",
        "run",
        "-wsd",
        "run",
        "--overwrite",
    ]
    before = children_cpu()
    subprocess.run(
        [sys.executable, "-m", "decentralizepy", *map(str, words)],
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
        env={"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )
    return children_cpu() - before


def main() -> None:
    """Measure and print one line per engine and number of nodes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", nargs="+", type=int, default=[16, 64, 256])
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=[*ENGINES])
    args = parser.parse_args()
    print(describe())
    print(
        f"{'engine':8} {'nodes':>6} {'us per node and round':>22} {'steps':>6} {'loops':>6}"
    )
    with tempfile.TemporaryDirectory(prefix="scale-") as scratch:
        for nodes in args.nodes:
            for engine in args.engines:
                long, short = (
                    cpu(engine, nodes, n, Path(scratch)) for n in (LONG, SHORT)
                )
                each = (long - short) / (LONG - SHORT) / nodes
                steps, loops = each / step(), each / bare(nodes // WORKERS)
                print(
                    f"{engine:8} {nodes:6} {1e6 * each:22.0f} {steps:6.2f} {loops:6.1f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
