"""Print the CPU time per node and round of each engine, in steps of plain training.

Digits' MLP on a regular graph of degree 6, one step with a batch of 8 per round, no
evaluation. The time is the difference of two runs of different length, so that start and
end do not count. A step is one of the same model and batch size in a bare loop, timed in
the same process after each run; both are CPU time.

Usage: python -m benchmarks.scale [--nodes 16 64 256] [--engines process packed debug]
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from benchmarks.bits import BASE, ROOT, ini
from benchmarks.machine import children_cpu, describe
from decentralizepy.datasets.Digits import MLP

SHORT, LONG, BATCH, STEPS = 5, 25, 8, 2_000
SETTINGS = {
    "DATASET.partition_niid": "iid",
    "DATASET.shards": "",
    "TRAIN_PARAMS.rounds": "1",
    "TRAIN_PARAMS.full_epochs": "False",
    "GRAPH.degree": "6",
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


def cpu(engine: str, nodes: int, rounds: int, folder: Path) -> float:
    """Return the CPU seconds of a run."""
    settings = {"RUN.procs_per_machine": nodes, "RUN.engine": engine}
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
    parser.add_argument("--engines", nargs="+", default=["process", "packed", "debug"])
    args = parser.parse_args()
    print(describe())
    print(f"{'engine':8} {'nodes':>6} {'us per node and round':>22} {'steps':>6}")
    with tempfile.TemporaryDirectory(prefix="scale-") as scratch:
        for nodes in args.nodes:
            for engine in args.engines:
                long, short = (
                    cpu(engine, nodes, n, Path(scratch)) for n in (LONG, SHORT)
                )
                each = (long - short) / (LONG - SHORT) / nodes
                print(
                    f"{engine:8} {nodes:6} {1e6 * each:22.0f} {each / step():6.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
