"""Reader of results files, which returns tables of rounds by nodes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from decentralizepy.errors import DataError, did_you_mean
from decentralizepy.results import layout
from decentralizepy.results.lines import SHARED, read_shared
from decentralizepy.results.parse import Measured, framed, numbers, read_first, tabled
from decentralizepy.results.sketch import distances, mixing
from decentralizepy.results.virtual import add_virtual
from decentralizepy.results.write import read_final

if TYPE_CHECKING:
    from pandas import DataFrame

    Table = dict[str, dict[int, float]]  # metric -> round -> value

DATASET_FILE = "dataset.json"
MANY = 100  # nodes, from which on percentiles tell more than a standard deviation
_GENERATED = "(generated)"
OVER_NODES = ("consensus_distance", "mixing")
_OF_MEAN = {"test_acc": "mean_model_acc", "test_loss": "mean_model_loss"}
_LAYOUT = "<experiment>/<machine>/<rank>_results.json"


@dataclass(frozen=True)
class Run:
    """One experiment: its name, the metrics of each node's file, and its data set.

    ``final`` holds the metrics over the models of all nodes, and ``sketches`` what tells how
    far apart these were in other rounds, by node. If the run is ``alone``, the tests of the
    other nodes are left out.
    """

    name: str
    nodes: dict[str, Table]
    data: str = ""
    final: Table = field(default_factory=dict)
    alone: bool = False
    sketches: dict[str, dict[int, list[float]]] = field(default_factory=dict)

    @property
    def served(self) -> bool:
        """Whether a parameter server's model was tested instead of the nodes' models."""
        return any(self.nodes[node].get("test_acc") for node in self._services())

    @property
    def one_model(self) -> str:
        """What was tested, if that is one model instead of the nodes' own; else empty."""
        if self.served:
            return "server's model"
        nodes_test = any(table.get("test_acc") for table in self.nodes.values())
        means = self.final.get("mean_model_acc")
        return "mean model" if means and not nodes_test else ""

    @property
    def distance(self) -> float | None:
        """The consensus distance of the final models; None if not known."""
        rounds = self.final.get("consensus_distance", {})
        return rounds[max(rounds)] if rounds else None

    @property
    def mean_model(self) -> float | None:
        """The final accuracy of the mean model, in percent; None if not known."""
        tests = [self.nodes[node].get("test_acc", {}) for node in self._services()]
        for rounds in (self.final.get("mean_model_acc", {}), *tests):
            if rounds:
                return rounds[max(rounds)]
        return None

    @property
    def label(self) -> str:
        """The name, with the data set if its data is generated."""
        return f"{self.name}: {self.data}" if _GENERATED in self.data else self.name

    @property
    def tested_label(self) -> str:
        """The label, with what was tested unless that is every node's own model."""
        what = self.one_model or self.sample
        return f"{self.label} ({what})" if what else self.label

    @property
    def sample(self) -> str:
        """How many of the nodes were tested in a round; empty if all were."""
        tested = Counter(
            n for of in self.nodes.values() for n in of.get("test_acc", ())
        )
        most = max(tested.values(), default=0)
        learners = len(self.nodes) - len(self._services())
        few = 0 < most < learners and not (self.served or self.alone)
        return f"{most} of {learners} nodes" if few else ""

    @property
    def many(self) -> bool:
        """Whether bands are drawn between percentiles, instead of one std wide."""
        return len(self.nodes) > MANY

    @property
    def metrics(self) -> set[str]:
        """The names of all metrics that are known."""
        tables = [*self.nodes.values(), self.final]
        found = {name for table in tables for name, rounds in table.items() if rounds}
        return found | {name for name in OVER_NODES if self._over_nodes(name)}

    def metric(self, name: str) -> DataFrame:
        """Return a metric by round (index) and node (columns).

        Missing measurements are nan. Counters (``total_...``) keep their value in rounds
        in which a node did not participate; after its last round they are nan, unless a
        parameter server (rank -1) chose the participants. If only the mean of all models
        was tested, it is the only column of these metrics, and so is a metric over the
        models of all nodes.
        """
        found = {node: table.get(name) for node, table in self.nodes.items()}
        if name in _OF_MEAN and self.one_model == "mean model":
            found = {"mean model": self.final.get(_OF_MEAN[name])}
        if name in (*OVER_NODES, *self.final):
            found = {"all nodes": self._over_nodes(name) or self.final.get(name)}
        frame = framed({node: rounds for node, rounds in found.items() if rounds})
        if not name.startswith("total_"):
            return frame
        filled = frame.ffill().fillna(0)
        if self._services():
            return filled
        return filled.where(frame.bfill().notna())

    def _over_nodes(self, name: str) -> dict[int, float]:
        """Return a metric over the models of all nodes, estimated from their sketches."""
        if name not in OVER_NODES or self._services():  # whose clients have one model
            return {}
        return self._apart if name == "consensus_distance" else mixing(self._apart)

    @cached_property
    def _apart(self) -> dict[int, float]:
        return {n: far for n, (far, _) in distances(self.sketches).items()}

    def spread(self, name: str) -> DataFrame:
        """Return statistics of a metric by round.

        The columns are mean, std (population), nr_nodes, low, high, and the ends of a
        band: ``lower`` and ``upper`` are one std from the mean or, if the run has more
        than ``MANY`` nodes, the 10th and 90th percentiles.
        """
        import pandas as pd

        frame = self.metric(name)
        mean, std = frame.mean(axis=1), frame.std(axis=1, ddof=0)
        many = self.many and not frame.empty  # there are no quantiles of nothing
        spread = pd.DataFrame(
            {
                "mean": mean,
                "std": std,
                "nr_nodes": frame.count(axis=1),
                "low": frame.min(axis=1),
                "high": frame.max(axis=1),
                "lower": frame.quantile(0.1, axis=1) if many else mean - std,
                "upper": frame.quantile(0.9, axis=1) if many else mean + std,
            }
        )
        return spread[spread["nr_nodes"] > 0].rename_axis("rounds")

    def total(self, name: str) -> float:
        """Return the final value of a counter, summed over the nodes."""
        return float(self.metric(name).max().sum())

    def _services(self) -> list[str]:
        return [node for node in self.nodes if Path(node).name.startswith("-")]

    def centralized(self) -> Run:
        """Return the run with the tests of one node only: the server, or the first node."""
        names = [node for node in self.nodes if Path(node).name == "-1"]
        names += [n for n in ("machine0/0", "0") if n in self.nodes]
        if not names:
            raise DataError(
                f"{self.name}: CENTRALIZED needs machine0/0_results.json or"
                " -1_results.json, and neither is there"
            )
        nodes = {
            node: table if node == names[0] else _untested(table)
            for node, table in self.nodes.items()
        }
        return replace(self, nodes=nodes, alone=True)


def read_run(name: str, folder: Path, files: Iterable[Path]) -> Run:
    """Read the results ``files``, below ``folder``, of one experiment.

    ``<rank>_results.jsonl``, or the file that nodes share, is authoritative;
    ``<rank>_results.json``, which is derived from it, is read only if the former is
    missing or damaged.

    Raises
    ------
    DataError
        If no file of a node can be read.
    """
    found: dict[str, list[Path]] = {}
    shared: dict[str, Measured] = {}
    files = sorted(files, key=lambda file: (file.suffix != ".jsonl", file))
    for file in files:
        place = file.relative_to(folder)
        if file.name == SHARED:
            for rank, rows in read_shared(file.parent).items():
                shared[place.with_name(str(rank)).as_posix()] = tabled(rows)
            continue
        node = place.with_name(file.name.rpartition("_")[0])
        found.setdefault(node.as_posix(), []).append(file)
    data = {read_dataset(file.parent) for file in files} - {""}
    read = {
        node: shared[node] if node in shared else read_first(found[node])
        for node in sorted({*found, *shared})
    }
    nodes = {node: each.table for node, each in read.items()}
    sketches = {node: each.sketches for node, each in read.items() if each.sketches}
    final: Table = {}
    for place in sorted({file.parent for file in files}):
        for metric, rounds in read_final(place).items():
            final[metric] = numbers(rounds)
        add_virtual(nodes, place, folder)
    return Run(name, nodes, ", ".join(sorted(data)), final, sketches=sketches)


def read_dataset(log_dir: Path) -> str:
    """Return the data set's class, marked if generated; empty if it is not recorded.

    Raises
    ------
    DataError
        If ``dataset.json`` holds something else.
    """
    path = log_dir / DATASET_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        suffix = f" {_GENERATED}" if content["generated"] else ""
        return str(content["class"] + suffix)
    except FileNotFoundError:
        return ""
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"{path}: damaged ({error}); expected"
            ' {"class": "CIFAR10", "generated": false}'
        ) from None


def read_runs(folder: Path) -> list[Run]:
    """Read every run below ``folder``.

    ``folder`` contains runs, each with a folder per machine or of a single machine, or is
    a run, or one machine's folder. Folders named ``weights`` are skipped.

    Raises
    ------
    DataError
        If there are no results, or a file holds something else.
    """
    if not folder.is_dir():
        names = [path.name for path in folder.parent.glob("*/")]
        raise DataError(f"{folder}: no such folder{did_you_mean(folder.name, names)}")
    found = layout.runs_below(folder)
    if not found:
        raise DataError(f"{folder}: no results here; expected {_LAYOUT} in it")
    return [
        read_run((folder.resolve() if home == folder else home).name, home, files)
        for home, files in found
    ]


def _untested(table: Table) -> Table:
    return {name: rounds for name, rounds in table.items() if name[:5] != "test_"}
