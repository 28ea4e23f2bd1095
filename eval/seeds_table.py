"""Print means over seeds, with 95 % intervals, of runs in folders named <name>-<seed>."""

import argparse
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.stats import t

from decentralizepy.commands.compare import sent_per_node
from decentralizepy.monitor.units import byte_unit
from decentralizepy.results.read import Run, read_runs

NAME = re.compile(r"(.+)-\d+$")


def main() -> None:
    """Print one row per algorithm: ``python eval/seeds_table.py FOLDER``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="that of run_sharing.sh")
    groups: dict[str, list[Run]] = {}
    for run in read_runs(parser.parse_args().folder):
        if match := NAME.match(run.name):
            groups.setdefault(match[1], []).append(run)
    Console(width=100).print(table(groups))


def table(groups: dict[str, list[Run]]) -> Table:
    """Return the rows, in descending order of bytes."""
    rows = Table(
        "run", "seeds", "nodes (%)", "worst node (%)", "mean model (%)", "sent"
    )
    for column in rows.columns[1:]:
        column.justify = "right"
    ordered = sorted(groups.items(), key=lambda group: -sent(group[1]))
    for name, runs in ordered:
        local = [run.spread("test_acc").iloc[-1] for run in runs if not run.one_model]
        factor, unit = byte_unit(sent(runs))
        rows.add_row(
            name,
            str(len(runs)),
            interval(last["mean"] for last in local),
            interval(last["low"] for last in local),
            interval(run.mean_model for run in runs if run.mean_model is not None),
            f"{sent(runs) / factor:.2f} {unit}",
        )
    return rows


def sent(runs: list[Run]) -> float:
    """Return the bytes that a node sent, averaged over nodes and seeds."""
    return float(np.mean([sent_per_node(run) for run in runs]))


def interval(values: Iterable[float]) -> str:
    """Return the mean and half its 95 % interval (Student's t), or "-" without values."""
    found = np.array([*values])
    if not found.size:
        return "-"
    if found.size == 1:
        return f"{found[0]:.1f}"
    half = t.ppf(0.975, found.size - 1) * found.std(ddof=1) / np.sqrt(found.size)
    return f"{found.mean():.1f} ± {half:.1f}"


if __name__ == "__main__":
    main()
