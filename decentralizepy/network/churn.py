"""Which nodes are up in a round, and which messages are lost, as section CHURN says."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from decentralizepy.config.numbers import integers
from decentralizepy.errors import ConfigError, located
from decentralizepy.network.traces import read_numbers
from decentralizepy.randomness import Purpose, stream

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Section = Mapping[str, Any]

SECTION = "CHURN"
KEPT_EDGES = 4096  # others can be drawn again
WAYS = ("rate", "mean_up", "trace_file")
"""Keys of which at most one says when nodes are up."""
TOGETHER = (
    ("mean_up", "mean_down"),
    ("mean_good", "mean_bad"),
    ("bad_loss", "mean_bad"),
    ("join", "join_round"),
    ("leave", "leave_round"),
)
"""Keys of which the first needs the second; but for ``bad_loss``, also vice versa."""


class Churn:
    """The availability of every node and link, which any node can compute by itself.

    All of it is drawn from the seed of the run, by node or link, so that it is the same
    on every node, with every engine, and after a resumption. Services are always up.

    Parameters
    ----------
    section : Mapping
        The keys of section CHURN, whose types are valid.
    nodes, rounds : int
    seed : int
        Of the run.

    Raises
    ------
    ConfigError
        If keys contradict each other, a node does not exist, or the trace is invalid.
    """

    def __init__(self, section: Section, nodes: int, rounds: int, seed: int) -> None:
        _refuse(section)
        self.section, self.rounds, self.seed = section, rounds, seed
        self.trace = _trace(section, nodes, rounds)
        self._joins = _changes(section, "join", nodes)
        self._leaves = _changes(section, "leave", nodes)
        self._up = lru_cache(nodes)(self.up)
        self._lost = lru_cache(KEPT_EDGES)(self.lost)

    @property
    def downs(self) -> list[str]:
        """The keys because of which nodes may be down."""
        keys = ["mean_up", "trace_file", "join", "leave"]
        keys += ["rate"] if self.section.get("rate", 1) < 1 else []
        return [key for key in keys if key in self.section]

    @property
    def losses(self) -> list[str]:
        """The keys because of which messages may be lost."""
        return [key for key in ("loss", "mean_bad") if self.section.get(key)]

    @property
    def nodes_go_down(self) -> bool:
        """Whether a node may ever be down."""
        return bool(self.downs)

    @property
    def loses_messages(self) -> bool:
        """Whether a message may ever be lost."""
        return bool(self.losses)

    @property
    def said(self) -> list[Any]:
        """What has to be the same on all machines of a run."""
        keys = {key: self.section[key] for key in self.section if key != "trace_file"}
        return [keys, None if self.trace is None else self.trace.tolist()]

    def is_up(self, uid: int, iteration: int) -> bool:
        """Return whether a node is up in a round, from 0."""
        if uid < 0 or not self.nodes_go_down:
            return True
        return bool(self._up(uid)[iteration])

    def down(self, uids: Iterable[int], iteration: int) -> set[int]:
        """Return those of ``uids`` that are down in a round, from 0."""
        return {uid for uid in uids if not self.is_up(uid, iteration)}

    def is_lost(self, sender: int, receiver: int, iteration: int) -> bool:
        """Return whether a message that is sent in a round, from 0, is lost."""
        if not self.loses_messages:
            return False
        return bool(self._lost(sender, receiver)[iteration])

    def up(self, uid: int) -> Bools:
        """Return the rounds in which a node is up, of shape (rounds,)."""
        section = self.section
        found = np.ones(self.rounds, bool)
        if self.trace is not None:
            found = self.trace[uid, : self.rounds].copy()
        elif "mean_up" in section:
            draws = stream(Purpose.AVAILABILITY, self.seed, uid).random(self.rounds)
            found = chain(draws, section["mean_up"], section["mean_down"])
        elif "rate" in section:
            draws = stream(Purpose.AVAILABILITY, self.seed, uid).random(self.rounds)
            found = draws < section["rate"]
        found[: self._joins.get(uid, 0)] = False
        found[self._leaves.get(uid, self.rounds) :] = False
        return found

    def lost(self, sender: int, receiver: int) -> Bools:
        """Return the rounds in which a message to a node would be lost, (rounds,)."""
        generator = stream(Purpose.LOSS, self.seed, (sender, receiver))
        states, draws = generator.random((self.rounds, 2)).T
        chance: Any = self.section.get("loss", 0)
        if "mean_bad" in self.section:
            means = (self.section["mean_good"], self.section["mean_bad"])
            bad_loss = self.section.get("bad_loss", 1.0)
            chance = np.where(chain(states, *means), chance, bad_loss)
        lost: Bools = draws < chance
        return lost


def chain(draws: Floats, mean_true: float, mean_false: float) -> Bools:
    """Return a stationary Markov chain of two states.

    Parameters
    ----------
    draws : array of shape (T,)
        Uniform in [0, 1).
    mean_true, mean_false : float
        The mean lengths of its stays in the two states, at least 1.

    Returns
    -------
    array of shape (T,)
    """
    stay, enter = 1 - 1 / mean_true, 1 / mean_false  # chances of True in the next step
    low, high = min(stay, enter), max(stay, enter)
    # a draw between the two keeps the state, or changes it; others do not depend on it
    forced, states = (draws < low) | (draws >= high), draws < low
    if len(draws):
        forced[0], states[0] = True, draws[0] < mean_true / (mean_true + mean_false)
    places = np.arange(len(draws))
    last = np.maximum.accumulate(np.where(forced, places, 0))
    changes = (places - last) % 2 == 1 if enter > stay else np.zeros(len(draws), bool)
    found: Bools = states[last] ^ changes
    return found


def _refuse(section: Section) -> None:
    """Raise a ConfigError if keys contradict each other, or one is missing."""
    given = [way for way in WAYS if way in section]
    if len(given) > 1:
        cause = f"given together with {given[0]}"
        raise ConfigError(cause, section=SECTION, key=given[1])
    for one, other in TOGETHER:
        pairs = [(one, other)] if one == "bad_loss" else [(one, other), (other, one)]
        for key, needed in pairs:
            if key in section and needed not in section:
                raise ConfigError(
                    f"given without {needed}",
                    section=SECTION,
                    key=key,
                    value=section[key],
                )


def _changes(section: Section, key: str, nodes: int) -> dict[int, int]:
    """Return the rounds in which nodes join or leave, by uid."""
    uids = integers(section.get(key, []))
    if uids and max(uids) >= nodes:
        raise ConfigError(
            f"there is no node {max(uids)}",
            section=SECTION,
            key=key,
            value=section[key],
        )
    return dict.fromkeys(uids, int(section.get(f"{key}_round", 0)))


def _trace(section: Section, nodes: int, rounds: int) -> Bools | None:
    """Return the trace, of shape (nodes or more, rounds or more), if there is one."""
    path = section.get("trace_file")
    if path is None:
        return None
    with located(section=SECTION, key="trace_file", value=path):
        found = read_numbers(path)
        rows, columns = found.shape
        if rows < nodes:
            raise ConfigError(f"ends after {rows} lines of nodes; there are {nodes}")
        if columns < rounds:
            cause = f"its first line has {columns} rounds, but the run {rounds}"
            raise ConfigError(cause)
        wrong = np.argwhere((found != 0) & (found != 1))
        if wrong.size:
            row, column = wrong[0]
            value = f"{found[row, column]:g}"
            raise ConfigError(
                f"row {row + 1}, column {column + 1}: {value}, neither 0 nor 1"
            )
        return found.astype(bool)
