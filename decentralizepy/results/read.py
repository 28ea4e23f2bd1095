"""Reader of results files, which returns tables of rounds by nodes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from decentralizepy.errors import DataError, did_you_mean
from decentralizepy.results.write import read_final

if TYPE_CHECKING:
    from pandas import DataFrame

    Table = dict[str, dict[int, float]]  # metric -> round -> value

DATASET_FILE = "dataset.json"
_GENERATED = "(generated)"
_LAYOUT = "<experiment>/<machine>/<rank>_results.json"


@dataclass(frozen=True)
class Run:
    """One experiment: its name, the metrics of each node's file, and its data set.

    ``final`` holds the metrics over all final models.
    """

    name: str
    nodes: dict[str, Table]
    data: str = ""
    final: Table = field(default_factory=dict)

    @property
    def served(self) -> bool:
        """Whether a parameter server's model was tested instead of the nodes' models."""
        return any(self.nodes[node].get("test_acc") for node in self._services())

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
        """The label of what was tested: a parameter server's model is called so."""
        return f"{self.label} (server's model)" if self.served else self.label

    def metric(self, name: str) -> DataFrame:
        """Return a metric by round (index) and node (columns).

        Missing measurements are nan. Counters (``total_...``) keep their value in rounds
        in which a node did not participate; after its last round they are nan, unless a
        parameter server (rank -1) chose the participants.
        """
        import pandas as pd

        found = {node: table.get(name) for node, table in self.nodes.items()}
        columns = {node: pd.Series(v, dtype=float) for node, v in found.items() if v}
        frame = pd.DataFrame(columns).sort_index()
        if not name.startswith("total_"):
            return frame
        filled = frame.ffill().fillna(0)
        if self._services():
            return filled
        return filled.where(frame.bfill().notna())

    def spread(self, name: str) -> DataFrame:
        """Return mean, std (population), nr_nodes, low and high of a metric by round."""
        import pandas as pd

        frame = self.metric(name)
        spread = pd.DataFrame(
            {
                "mean": frame.mean(axis=1),
                "std": frame.std(axis=1, ddof=0),
                "nr_nodes": frame.count(axis=1),
                "low": frame.min(axis=1),
                "high": frame.max(axis=1),
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
        return Run(
            self.name,
            {
                node: table if node == names[0] else _untested(table)
                for node, table in self.nodes.items()
            },
            self.data,
            self.final,
        )


def read_run(name: str, folder: Path, files: Iterable[Path]) -> Run:
    """Read the results ``files``, below ``folder``, of one experiment.

    ``<rank>_results.jsonl`` is authoritative; ``<rank>_results.json``, which is derived
    from it, is read only if the former is missing or damaged.

    Raises
    ------
    DataError
        If no file of a node can be read.
    """
    found: dict[str, list[Path]] = {}
    files = sorted(files, key=lambda file: (file.suffix != ".jsonl", file))
    for file in files:
        node = file.relative_to(folder).with_name(file.name.rpartition("_")[0])
        found.setdefault(node.as_posix(), []).append(file)
    data = {read_dataset(file.parent) for file in files} - {""}
    nodes = {node: _read_first(found[node]) for node in sorted(found)}
    final: Table = {}
    for place in sorted({file.parent for file in files}):
        for metric, rounds in read_final(place).items():
            final[metric] = _numbers(rounds)
    return Run(name, nodes, ", ".join(sorted(data)), final)


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

    ``folder`` contains experiments with a folder per machine, or is a single experiment,
    or one machine's folder. Folders named ``weights`` are skipped.

    Raises
    ------
    DataError
        If there are no results, or a file holds something else.
    """
    if not folder.is_dir():
        names = [path.name for path in folder.parent.glob("*/")]
        raise DataError(f"{folder}: no such folder{did_you_mean(folder.name, names)}")
    for depth in (2, 1, 0):
        files = _results(folder, depth)
        if files:
            break
    else:
        raise DataError(f"{folder}: no results here; expected {_LAYOUT} in it")
    if depth < 2:
        return [read_run(folder.resolve().name, folder, files)]
    homes: dict[Path, list[Path]] = {}
    for file in files:
        homes.setdefault(file.parent.parent, []).append(file)
    ordered = sorted(homes, key=lambda home: _natural(home.name))
    return [read_run(home.name, home, homes[home]) for home in ordered]


def _natural(name: str) -> str:
    """Return a sort key that puts 10 after 9."""
    return re.sub(r"\d+", lambda digits: digits[0].zfill(20), name)


def _results(folder: Path, depth: int) -> list[Path]:
    files = folder.glob("*/" * depth + "*_results.json*")
    return sorted(
        file
        for file in files
        if file.suffix in (".json", ".jsonl")
        and "weights" not in file.relative_to(folder).parts
    )


def _untested(table: Table) -> Table:
    return {name: rounds for name, rounds in table.items() if name[:5] != "test_"}


def _read_first(files: list[Path]) -> Table:
    """Return the table of the first file that can be read."""
    for file in files[:-1]:
        with suppress(DataError):
            return _read(file)
    return _read(files[-1])


def _read(path: Path) -> Table:
    try:
        text = path.read_text(encoding="utf-8")
        content = _lines(text) if path.suffix == ".jsonl" else json.loads(text)
        return {
            name: _numbers(rounds)
            for name, rounds in content.items()
            if isinstance(rounds, dict)
        }
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise DataError(
            f"{path}: not a results file ({error}); expected"
            ' {"test_acc": {"20": 41.0}, ...}'
        ) from None


def _lines(text: str) -> dict[str, dict[int, Any]]:
    table: dict[str, dict[int, Any]] = {}
    whole = text[: text.rfind("\n") + 1]  # the last line may be incomplete
    for line in whole.splitlines():
        record = json.loads(line)
        number = record.pop("round")
        for name, value in record.items():
            table.setdefault(name, {})[number] = value
    return table


def _numbers(rounds: dict[Any, Any]) -> dict[int, float]:
    """Keep what can be plotted; null represents a non-finite number."""
    return {
        int(number): float("nan") if value is None else float(value)
        for number, value in rounds.items()
        if value is None or isinstance(value, (int, float))
    }
