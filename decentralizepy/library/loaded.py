"""A run in its log folder, as objects of pandas, torch and networkx."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from decentralizepy.errors import DataError, did_you_mean
from decentralizepy.results import manifests, read
from decentralizepy.runs import manifest

if TYPE_CHECKING:
    import networkx as nx
    import torch
    from pandas import DataFrame

    from decentralizepy.runs.experiment import Experiment
    from decentralizepy.runs.final import Saved

    State = dict[str, torch.Tensor]

_WEIGHTS = re.compile(r"\d+_weight_(-?\d+)\.pt")


def load(log_dir: str | os.PathLike[str]) -> Run:
    """Return a run from its log folder, also of one that failed or was interrupted.

    Parameters
    ----------
    log_dir
        The folder given by ``-ld``, or the folder with those of all machines in it.

    Raises
    ------
    DataError
        If there are no results in it, or those of several runs.
    ConfigError
        If it is not a log folder.
    """
    folder = Path(log_dir)
    runs = read.read_runs(folder)
    if len(runs) > 1:
        first = folder / runs[0].name
        raise DataError(
            f"{folder}: {len(runs)} runs; load one of them, such as {first}"
        )
    (home,) = sorted(_homes(folder))[:1] or [folder]
    return Run(home, manifest.read(home), runs[0])


def _homes(folder: Path) -> list[Path]:
    """Return the log folders with a manifest: the folder itself, or those of machines."""
    for depth in ("", "*/", "*/*/"):
        if found := [path.parent for path in folder.glob(f"{depth}{manifests.FILE}")]:
            return found
    return []


@dataclass(frozen=True)
class Run:
    """A run in its log folder.

    Attributes
    ----------
    log_dir : Path
        Of the first machine, if there are several.
    manifest : dict
        The content of ``manifest.json``.
    results : decentralizepy.results.read.Run
        What was measured, as the commands ``plot`` and ``compare`` use it.
    """

    log_dir: Path
    manifest: Mapping[str, Any] = field(repr=False)
    results: read.Run = field(repr=False)

    @property
    def outcome(self) -> str:
        """``done``, or what ended the run; ``not ended`` if it was killed, or still runs."""
        return self.manifest["outcome"] or "not ended"

    @property
    def config(self) -> dict[str, dict[str, Any]]:
        """The sections, with all options, including those that have their default."""
        found: dict[str, dict[str, Any]] = self.manifest["configuration"]
        return found

    @cached_property
    def metrics(self) -> DataFrame:
        """All that was measured, with a row per node and round and a column per metric.

        The index has the levels ``node`` (the uid, or ``machine<m>/<rank>`` if there are
        several machines) and ``round`` (from 1). Accuracies are in percent, counters
        (``total_...``) in bytes since the start; a metric that was not due is nan.
        """
        import pandas as pd

        nodes = self.results.nodes
        numbered = all(name.removeprefix("-").isdecimal() for name in nodes)
        frames = {
            int(name) if numbered else name: pd.DataFrame(table, dtype=float)
            for name, table in nodes.items()
        }
        return pd.concat(frames, names=["node", "round"]).sort_index()

    @property
    def final(self) -> dict[str, float]:
        """The newest metrics over all models, such as ``mean_model_acc``."""
        tables = self.results.final.items()
        return {name: rounds[max(rounds)] for name, rounds in tables if rounds}

    def metric(self, name: str) -> DataFrame:
        """Return a metric by round (index) and node (columns).

        Raises
        ------
        DataError
            If nothing of this name was measured, with the nearest name.
        """
        self._check(name)
        return self.results.metric(name)

    def spread(self, name: str) -> DataFrame:
        """Return statistics of a metric over nodes, by round.

        The columns are mean, std (population), nr_nodes, low, high, and ``lower`` and
        ``upper``, the ends of a band of one std. Errors as for :meth:`metric`.
        """
        self._check(name)
        return self.results.spread(name)

    @cached_property
    def graph(self) -> nx.Graph:
        """The graph, over uids; of the first round, if it changes."""
        found: nx.Graph = self._experiment.graph.at(0).to_networkx()
        return found

    @cached_property
    def models(self) -> Models:
        """The final weights by uid, as state dicts that are read when asked for."""
        folder = self.manifest["flags"]["weights_store_dir"]
        names = self.manifest.get("weights", {})
        return Models(Path(self.manifest["folder"], folder, name) for name in names)

    def model(self, uid: int | None = None) -> torch.nn.Module:
        """Return the final model of a node, on the CPU, ready to evaluate.

        Parameters
        ----------
        uid
            By default, the mean of all models, or that of a parameter server.

        Raises
        ------
        DataError
            If the run has no final weights.
        """
        from decentralizepy.runs.final import MeanTest, mean_of

        if not self.models:
            raise DataError(
                f"{self.log_dir}: no final weights; the run: {self.outcome}"
            )
        state = mean_of(self.models.states()) if uid is None else self.models[uid]
        model: torch.nn.Module = MeanTest(self._experiment, "cpu").model
        model.load_state_dict({**model.state_dict(), **state})
        return model.eval()

    @cached_property
    def _experiment(self) -> Experiment:
        from decentralizepy.runs.experiment import Experiment

        return Experiment.of({"resume": str(self.log_dir)})

    def _check(self, name: str) -> None:
        known = {metric for table in self.results.nodes.values() for metric in table}
        if name not in known:
            listed = did_you_mean(name, known) or f"; these are: {', '.join(known)}"
            raise DataError(f"{self.log_dir}: no metric {name}{listed}")


class Models(Mapping[int, "State"]):
    """State dicts by uid, each read from its file when it is asked for.

    Parameters
    ----------
    files : iterable of Path
        Named ``<round>_weight_<uid>.pt``.
    """

    def __init__(self, files: Iterator[Path]) -> None:
        found = {path: _WEIGHTS.fullmatch(path.name) for path in files}
        self.files = {int(match[1]): path for path, match in found.items() if match}

    def __getitem__(self, uid: int) -> State:
        import torch

        path = self.files[uid]
        state: State = torch.load(path, map_location="cpu", weights_only=True)
        return state

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self.files))

    def __len__(self) -> int:
        return len(self.files)

    def states(self) -> Saved:
        """Return the state dicts without their uids: of the server, if there is one."""
        from decentralizepy.runs.final import Saved

        served = [uid for uid in self if uid < 0]
        return Saved([self.files[uid] for uid in served or self])
