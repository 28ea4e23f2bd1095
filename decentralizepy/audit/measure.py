"""All attacks of an audit on a run, and their numbers over seeds."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from decentralizepy.audit import linking, membership
from decentralizepy.audit.inversion import Inverted, invert
from decentralizepy.audit.linking import Links
from decentralizepy.audit.membership import Scores, Victim
from decentralizepy.audit.scene import Scene, spaced
from decentralizepy.audit.shadows import Shadows
from decentralizepy.datasets.Data import Data
from decentralizepy.errors import ConfigError, DataError
from decentralizepy.randomness import Purpose, stream
from decentralizepy.report.content import log_folders
from decentralizepy.results.methods import Found, find_runs
from decentralizepy.results.observed import Observation
from decentralizepy.results.statistics import summary

if TYPE_CHECKING:
    from pandas import DataFrame

METRICS = {
    "mia_auc": "AUC, loss threshold",
    "mia_tpr": "TPR at 0.1 % FPR",
    "lira_auc": "AUC, likelihood ratio",
    "lira_tpr": "TPR at 0.1 % FPR",
    "link_accuracy": "linked to the sender",
    "link_chance": "by chance",
    "psnr": "PSNR (dB)",
    "psnr_chance": "of other images",
    "ssim": "SSIM",
    "ssim_chance": "of other images",
}
STEPS = 1000


@dataclass(frozen=True)
class Settings:
    """How thorough an audit is.

    Attributes
    ----------
    samples : int
        The most training samples of a node to attack, and to link models by.
    shadows : int
        Shadow models for each sender, an even number; 0 for no likelihood ratio.
    rounds : int
        The most rounds to attack.
    victims : int
        How many senders' images are reconstructed; 0 for none.
    """

    samples: int = 500
    shadows: int = 16
    rounds: int = 10
    victims: int = 0

    def __post_init__(self) -> None:
        if self.shadows % 2 or self.shadows < 0:
            expected = "an even number, as they are trained in pairs"
            raise ConfigError(key="--shadows", value=self.shadows, expected=expected)


@dataclass
class Audit:
    """What was learned in a run.

    Attributes
    ----------
    losses : dict of int to Scores
        By round, of all messages of all observers together.
    ratios : dict of int to Scores
        By the likelihood ratio; of the last round.
    links : dict of int to list of Links
        By round, one for each observer that received several models.
    inverted : list of Inverted
    """

    losses: dict[int, Scores] = field(default_factory=dict)
    ratios: dict[int, Scores] = field(default_factory=dict)
    links: dict[int, list[Links]] = field(default_factory=dict)
    inverted: list[Inverted] = field(default_factory=list)

    def numbers(self) -> dict[int, dict[str, float]]:
        """Return the metrics of ``METRICS`` by round, without those not measured."""
        found: dict[int, dict[str, float]] = {number: {} for number in self.losses}
        for name, scores in (("mia", self.losses), ("lira", self.ratios)):
            for number, each in scores.items():
                curve = membership.curve(each)
                found[number][f"{name}_auc"] = curve.auc
                found[number][f"{name}_tpr"] = curve.tpr_at_rate
        for number, links in self.links.items():
            if not links:
                continue
            models = sum(each.models for each in links)
            found[number]["link_accuracy"] = sum(each.right for each in links) / models
            guessed = sum(each.models * each.chance for each in links)
            found[number]["link_chance"] = guessed / models
        for number in sorted({each.round for each in self.inverted}):
            found.setdefault(number, {}).update(_quality(self.inverted, number))
        return dict(sorted(found.items()))


def _quality(inverted: Iterable[Inverted], number: int) -> dict[str, float]:
    rows = [
        (each.psnr, each.ssim, *each.chance)
        for each in inverted
        if each.round == number
    ]
    names = ("psnr", "ssim", "psnr_chance", "ssim_chance")
    return dict(zip(names, np.mean(rows, axis=0).tolist(), strict=True))


def audit(log_dirs: Sequence[Path], settings: Settings = Settings()) -> Audit:
    """Attack a finished run with what its observers received.

    Parameters
    ----------
    log_dirs
        The log folder of each machine.
    settings

    Raises
    ------
    DataError
        If nothing was observed, or the attacks do not apply.
    ConfigError
        If the run or its data cannot be loaded any more.
    """
    scene = Scene(log_dirs)
    done, numbers = Audit(), common_rounds(scene.rounds)
    if not numbers:
        raise DataError(f"{log_dirs[0]}: no round was recorded by all observers")
    find = functools.cache(lambda uid: membership.victim(scene, uid, settings.samples))
    data = functools.cache(lambda uid: part(scene, uid, settings.samples))
    for number in spaced(numbers, settings.rounds):
        received = [scene.observation(uid, number) for uid in scene.rounds]
        if any(each.vectors for each in received):
            last = received
            done.losses[number] = _by_loss(scene, received, find)
            done.links[number] = _links(scene, received, data)
    if not done.losses:
        raise DataError(f"{log_dirs[0]}: its observers received no model")
    if settings.shadows:
        done.ratios[last[0].round] = _ratios(scene, last, find, settings.shadows)
    if settings.victims:
        done.inverted = _inverted(scene, numbers[0], settings.victims)
    return done


def common_rounds(rounds: Mapping[int, Sequence[int]]) -> list[int]:
    """Return the rounds that all observers have recorded."""
    return sorted(set.intersection(*map(set, rounds.values())))


def part(scene: Scene, uid: int, most: int) -> Data:
    """Return at most ``most`` training samples of a node, drawn with the run's seed."""
    data = scene.data[uid]
    draws = stream(Purpose.AUDIT, scene.seed, uid, round=0)
    return Data(*data[draws.permutation(len(data))[:most]])


def _by_loss(
    scene: Scene, received: Sequence[Observation], find: Callable[[int], Victim]
) -> Scores:
    """Return the scores of the loss threshold for all messages of a round."""
    return membership.joined(
        [
            membership.by_loss(scene, vector, find(uid))
            for each in received
            for uid, vector in each.vectors.items()
        ]
    )


def _links(
    scene: Scene, received: Sequence[Observation], data: Callable[[int], Data]
) -> list[Links]:
    """Return the links of each observer that received several models."""
    return [
        linking.link(scene, each.vectors, {uid: data(uid) for uid in each.vectors})
        for each in received
        if len(each.vectors) > 1
    ]


def _ratios(
    scene: Scene,
    received: Sequence[Observation],
    find: Callable[[int], Victim],
    shadows: int,
) -> Scores:
    """Return the scores of the likelihood ratio for all messages of a round."""
    section, number = scene.sections["TRAIN_PARAMS"], received[0].round
    steps = min(STEPS, number * int(section.get("rounds") or 1))
    scores = []
    for uid in sorted({uid for each in received for uid in each.vectors}):
        models = Shadows(scene, find(uid), shadows, steps)
        scores += [
            models.scores(each.vectors[uid]) for each in received if uid in each.vectors
        ]
    return membership.joined(scores)


def _inverted(scene: Scene, number: int, victims: int) -> list[Inverted]:
    """Return what is reconstructed of the first messages that an observer recorded."""
    observer = min(scene.rounds)
    senders = sorted(scene.observation(observer, number).vectors)[:victims]
    return [invert(scene, observer, uid, number) for uid in senders]


def numbers(folders: Iterable[Path], settings: Settings = Settings()) -> DataFrame:
    """Return the numbers of all runs below some folders.

    Parameters
    ----------
    folders
        Log folders, or sweeps.
    settings

    Returns
    -------
    DataFrame
        Columns ``method``, ``seed``, ``round``, and those of ``METRICS`` that were
        measured. Runs of one method differ only in their seed.

    Raises
    ------
    DataError, ConfigError
        As for ``audit``, and if there are no runs.
    """
    found = find_runs(folders)
    return frame(found, [audit(places(each), settings) for each in found])


def places(found: Found) -> list[Path]:
    """Return the log folder of each machine of a run."""
    return [*log_folders(found).values()]


def frame(found: Sequence[Found], audits: Sequence[Audit]) -> DataFrame:
    """Return the numbers of audits; see :func:`numbers`."""
    import pandas as pd

    rows: list[dict[str, Any]] = [
        {"method": run.name, "seed": run.seed, "round": number, **values}
        for run, each in zip(found, audits, strict=True)
        for number, values in each.numbers().items()
    ]
    return pd.DataFrame(rows)


def over_seeds(table: DataFrame, number: int | None = None) -> DataFrame:
    """Return means over seeds, and with the suffix ``_half`` half their 95 % intervals.

    Parameters
    ----------
    table
        As :func:`numbers` returns it.
    number
        The round; by default the last in which something was measured, for each metric.

    Returns
    -------
    DataFrame
        One row per method, with the columns ``method`` and ``seeds``.
    """
    import pandas as pd

    chosen = table if number is None else table[table["round"] == number]
    rows = []
    for name, group in chosen.groupby("method", sort=False):
        runs = group.sort_values("round").groupby("seed").last()  # skips nan
        row: dict[str, Any] = {"method": name, "seeds": len(runs)}
        for metric in (each for each in METRICS if each in runs):
            row |= summary(metric, runs[metric].tolist())
        rows.append(row)
    return pd.DataFrame(rows)
