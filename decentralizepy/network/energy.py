"""What nodes of an emulated network consume: joules for computing, sending and receiving."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from decentralizepy.errors import ConfigError, located

Floats = npt.NDArray[np.float64]
Rounds = Sequence[tuple[int, Iterable[Any]]]

MB = 1e6  # bytes
WH = 3600.0  # joules
KEYS = ("watts", "phones_file", "sent_joules_per_mb", "received_joules_per_mb")


@dataclass(frozen=True)
class Energy:
    """A model of the power of N ends, in the order of an emulated network's.

    Attributes
    ----------
    watts : array of shape (N,)
        While an end computes.
    a_round : array of shape (N,)
        Joules of a round in which an end trains.
    sent, received : float
        Joules per byte.
    """

    watts: Floats
    a_round: Floats
    sent: float
    received: float

    def computing(self, place: int, seconds: float) -> float:
        """Return the joules of an end that computes for some seconds of a round."""
        return float(self.watts[place]) * seconds + float(self.a_round[place])


def consumed(
    records: Mapping[int, Rounds], network: Any
) -> dict[int, dict[int, float]]:
    """Return the joules that each node has consumed at the end of each round.

    Parameters
    ----------
    records
        As for :func:`decentralizepy.network.replay.replay`.
    network : Network
        With a model of energy.
    """
    sizes = dict(_sizes(records))
    return {uid: dict(_of_node(uid, records[uid], network, sizes)) for uid in records}


def _sizes(records: Mapping[int, Rounds]) -> Iterator[tuple[tuple[Any, ...], int]]:
    """Yield the bytes of each message."""
    for uid, rounds in records.items():
        for _, events in rounds:
            for event in events:
                if event[0] == "send":
                    _, receivers, size, *label = event
                    for receiver in receivers:
                        yield (uid, receiver, *label), size


def _of_node(
    uid: int, rounds: Rounds, network: Any, sizes: Mapping[tuple[Any, ...], int]
) -> Iterator[tuple[int, float]]:
    """Yield the rounds of a node, and what it has consumed by their ends."""
    energy, place, joules = network.energy, network.place(uid), 0.0
    for number, events in rounds:
        measured = sum(event[1] for event in events if event[0] == "compute")
        seconds = network.seconds(uid, measured)
        if not any(event[0] == "idle" for event in events):
            joules += energy.computing(place, seconds)
        for kind, peers, *rest in events:
            if kind == "send":
                joules += energy.sent * len(peers) * rest[0]
            elif kind == "await":
                labels = ((peer, uid, *rest) for peer in peers)
                size = sum(sizes.get(label, 0) for label in labels)
                joules += energy.received * size
        yield number, joules


def energy_of(section: Mapping[str, Any], nodes: int, size: int) -> Energy | None:
    """Return the model that section NETWORK describes; None if it has none of its keys.

    Parameters
    ----------
    section
        Its keys, whose types are valid.
    nodes, size : int
        How many nodes there are, and how many ends with a service.

    Raises
    ------
    ConfigError
        If the file of phones cannot be used, or ``watts`` is given besides.
    """
    if not any(key in section for key in KEYS):
        return None
    a_round = np.zeros(size)
    if "phones_file" in section:
        value = section["phones_file"]
        with located(section="NETWORK", key="phones_file", value=value):
            if "watts" in section:
                raise ConfigError("given together with watts")
            phones = read_phones(value)
        a_round[:nodes] = [phones[uid % len(phones)] for uid in range(nodes)]
    sent, received = (float(section.get(key, 0)) / MB for key in KEYS[2:])
    watts = np.full(size, float(section.get("watts", 0)))
    return Energy(watts, a_round, sent, received)


def read_phones(path: str | Path) -> list[float]:
    """Return the joules that each phone of a trace takes to train for a round.

    The file is a CSV as that of SkipTrain: a heading, then a phone per line, with a column
    ``Energy (Wh)``. Its other columns are not used.

    Raises
    ------
    ConfigError
        If there is no such file, column or number.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"cannot be read: {error}") from None
    column = next((name for row in rows for name in row if _is_energy(name)), None)
    if column is None:
        raise ConfigError("has no phone with a column 'Energy (Wh)'")
    try:
        found = [float(row[column]) * WH for row in rows]
    except (ValueError, TypeError):
        raise ConfigError(f"{column}: expected a number for each phone") from None
    if min(found) < 0:
        raise ConfigError(f"{column}: expected no negative number")
    return found


def _is_energy(name: str | None) -> bool:
    return bool(name) and str(name).strip().lower() == "energy (wh)"
