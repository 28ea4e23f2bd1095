"""Print a table of finished runs: whether each model beats a constant prediction.

Usage: python eval/datasets_table.py OUT NAME ...     the runs OUT/NAME/machine0
"""

import sys
from pathlib import Path

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from decentralizepy import factory
from decentralizepy.config import ini
from decentralizepy.datasets.MovieLens import MovieLens
from decentralizepy.datasets.Partitioner import labels_of
from decentralizepy.mappings.Linear import Linear
from decentralizepy.monitor.units import byte_unit
from decentralizepy.results.methods import sent_per_node
from decentralizepy.results.read import read_dataset, read_runs

COLUMNS = ("data set", "model", "parameters", "baseline", "reached", "sent", "time")


def main():
    out, *names = sys.argv[1:]
    table = Table(*COLUMNS, box=box.ROUNDED)
    for column in table.columns[2:]:
        column.justify = "right"
    for name in names:
        table.add_row(*row(Path(out, name)))
    Console(width=120).print(table)


def row(folder):
    """Return the row of a run, in the order of ``COLUMNS``."""
    (run,) = read_runs(folder)
    (path,) = folder.glob("machine0/*.ini")
    section = ini.read(path)["DATASET"]
    dataset_class, options = factory.unpack(section, "dataset")
    dataset = dataset_class(0, 0, Linear(1, 1), **options)
    model = dataset.make_model(factory.load_model(section))
    sent = sent_per_node(run)
    factor, unit = byte_unit(sent)
    return (
        read_dataset(folder / "machine0"),
        section["model_class"],
        f"{sum(each.numel() for each in model.parameters()):,}",
        *quality(run, dataset),
        f"{sent / factor:.1f} {unit}",
        f"{run.spread('time')['high'].iloc[-1]:.0f} s",
    )


def quality(run, dataset):
    """Return the test metric of the best constant prediction, and that of the nodes."""
    if isinstance(dataset, MovieLens):
        (_, train), (_, test) = dataset.trainset[:], dataset.testset[:]
        error = (test - train.mean()).square().mean().sqrt()
        return f"RMSE {error:.3f}", measured(run, "test_loss", ".3f")
    counts = np.bincount(labels_of(dataset.testset))
    share = 100 * counts.max() / counts.sum()
    return f"{share:.1f} %", measured(run, "test_acc", ".1f")


def measured(run, metric, digits):
    last = run.spread(metric).iloc[-1]
    return f"{last['mean']:{digits}} ± {last['std']:{digits}}"


if __name__ == "__main__":
    main()
