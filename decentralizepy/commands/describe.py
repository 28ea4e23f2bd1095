"""``decentralizepy data describe``: which node has which data, as a table and a figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from decentralizepy import factory, utils
from decentralizepy.config import checks, ini, places
from decentralizepy.datasets.generated import is_generated
from decentralizepy.errors import ConfigError
from decentralizepy.figures.census import Census, Counts, draw
from decentralizepy.files import write_atomic
from decentralizepy.mappings.Linear import Linear
from decentralizepy.mappings.Mapping import Mapping
from decentralizepy.runs.topology import make_mapping

if TYPE_CHECKING:
    from rich.table import Table


def main(path: str, nodes: int | None, output: Path) -> int:
    """Print and draw the data of the nodes of an INI file; return the exit status."""
    from rich.console import Console

    settings = read_config(path)
    found = take(settings["DATASET"], make_nodes(settings, path, nodes))
    write_atomic(output, draw(found))
    Console().print(table(found))
    print(f"{output} written")
    return 0


def read_config(path: str) -> dict[str, dict[str, Any]]:
    """Return the sections of an INI file, after the checks of a run."""
    settings = ini.read(path)
    places.importable(path)
    checks.check(settings, path)
    return settings


def make_nodes(
    settings: dict[str, dict[str, Any]], path: str, nodes: int | None = None
) -> Mapping:
    """Return the mapping of ``nodes`` on one machine, or that of the INI file."""
    if nodes is None:
        args = utils.get_args(["--config_file", path], settings.get("RUN"))
        section = settings.get("MAPPING")
        return make_mapping(
            factory.unpack(section, "mapping") if section else None, args
        )
    if nodes < 1:
        raise ConfigError(key="--nodes", value=nodes, expected="at least 1")
    return Linear(1, nodes)


def take(section: dict[str, Any], mapping: Mapping) -> Census:
    """Construct every node's data set in this process, and count samples.

    Raises
    ------
    ConfigError
        If a run would raise one before it starts.
    """
    dataset_class, options = factory.unpack(section, "dataset")
    dataset_class.prepare(**options)
    samples, tests, labels = [], [], []
    for uid in range(mapping.get_n_procs()):
        dataset = dataset_class(*mapping.get_machine_and_rank(uid), mapping, **options)
        samples.append(_count(dataset.get_trainset))
        tests.append(_count(dataset.get_testset))
        labels.append(_labels(dataset))
    folders = [options.get(key) for key in ("train_dir", "test_dir")]
    generated = any(folder and is_generated(Path(folder)) for folder in folders)
    return Census(
        dataset_class.__name__ + generated * " (generated)",
        np.array(samples),
        np.array(tests),
        _stacked(labels),
        [text for text, _ in dataset.remarks()],
    )


def table(census: Census) -> Table:
    """Return the statistics of a census, one per row."""
    from rich.table import Table

    rows = Table(title=census.name, title_justify="left", show_header=False)
    rows.add_column(style="dim")
    rows.add_column()
    rows.add_row("nodes", f"{len(census.samples):,}")
    rows.add_row("training samples", f"{census.samples.sum():,}")
    rows.add_row("of a node", _range(census.samples))
    if census.labels is not None:
        held = census.labels > 0
        rows.add_row("classes", f"{held.any(axis=0).sum()} of {held.shape[1]}")
        rows.add_row("of a node", _range(held.sum(axis=1)))
    rows.add_row("test samples of a node", _range(census.tests))
    for remark in census.remarks:
        rows.add_row("to be known", remark)
    return rows


def _count(get_set: Callable[[], Any]) -> int:
    try:
        return len(get_set().dataset)
    except RuntimeError:  # there is none
        return 0


def _labels(dataset: Any) -> list[int] | None:
    try:
        counts: list[int] = dataset.get_label_distribution()
    except (RuntimeError, TypeError):  # no training data, or labels like 0.5
        return None
    return counts


def _stacked(rows: Sequence[list[int] | None]) -> Counts | None:
    filled = [row for row in rows if row is not None]
    if len(filled) < len(rows):
        return None
    counts = np.zeros((len(rows), max(map(len, filled))), np.int64)
    for number, row in enumerate(filled):
        counts[number, : len(row)] = row
    return counts


def _range(values: Counts) -> str:
    low, high = values.min(), values.max()
    if low == high:
        return f"{low:,}"
    return f"{low:,} to {high:,}, mean {values.mean():,.1f}"
