"""Base class of callbacks: what the launcher calls as the results of its nodes arrive."""

from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

Rows = Mapping[int | str, Mapping[str, Any]]
"""What nodes measured in a round: metrics by uid."""


class Callback:
    """Does nothing; subclasses override the events that they need.

    Callbacks run in the launcher, which reads the lines of results that its nodes write.
    So they work with every engine, and change neither the nodes nor their numbers. With
    several machines, each launcher calls its own callback: with the nodes of its machine,
    or of all machines on the one that gathers their results.

    If an event raises, its traceback is printed and the callback is not called again. The
    run continues, and ends with exit status 1.

    Parameters
    ----------
    log_dir : Path
        The log folder. It does not exist yet; open files in ``on_run_start``.
    """

    def __init__(self, log_dir: Path) -> None:
        self.log_dir = log_dir

    def on_run_start(self, run: Mapping[str, Any]) -> None:
        """Called before the nodes start.

        Parameters
        ----------
        run
            The content of ``manifest.json``: ``configuration`` (the sections with all
            options), ``flags``, ``seeds``, ``code``, ``machine``, ``packages``.
        """

    def on_round_end(self, number: int, rows: Rows) -> None:
        """Called once all nodes have finished a round, in the order of rounds.

        If the slowest node of a round is not the last to report it, as with a parameter
        server, the late rows come in another call. A resumed run repeats the rounds before.

        Parameters
        ----------
        number
            The round, from 1.
        rows
            By uid: ``time`` in seconds, ``train_loss``, ``test_acc`` in percent,
            ``total_bytes`` and the other metrics of a line of results. Numbers that are
            not finite are None.
        """

    def on_evaluation(self, number: int, rows: Rows) -> None:
        """Called after ``on_round_end`` with the rows that have a test or validation.

        With ``evaluate = mean_model``, there is one row, ``mean model``, with
        ``mean_model_acc``, ``mean_model_loss`` and ``consensus_distance``.
        """

    def on_failure(self, cause: str) -> None:
        """Called before ``on_run_end`` if the run fails or is stopped: why, in one line."""

    def on_run_end(self, outcome: str, final: Mapping[str, float]) -> None:
        """Called last, however the run ended.

        Parameters
        ----------
        outcome
            ``done``, or what ended the run.
        final
            The metrics over all final models, such as ``mean_model_acc`` and
            ``consensus_distance``; empty if they are not known.
        """


def means(rows: Rows) -> dict[str, float]:
    """Return the mean of each metric over nodes, and ``min_test_acc``.

    Values that are not finite are left out, and so are ``slowest`` and lists.
    """
    values: dict[str, list[float]] = {}
    for row in rows.values():
        for name, value in row.items():
            if isinstance(value, (int, float)) and name != "slowest":
                values.setdefault(name, []).append(value)
    found = {name: fmean(each) for name, each in values.items()}
    if "test_acc" in values:
        found["min_test_acc"] = min(values["test_acc"])
    return found
