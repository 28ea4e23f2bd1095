"""What section NETWORK says: latency, bandwidth, jitter and loss of every link."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from decentralizepy.errors import ConfigError, located
from decentralizepy.network.energy import Energy, energy_of
from decentralizepy.network.flows import FairFlows, FifoLinks, Transfer
from decentralizepy.network.traces import (
    completed,
    of_topology,
    read_numbers,
    refuse_negative,
)
from decentralizepy.randomness import stream

Floats = npt.NDArray[np.float64]
Section = Mapping[str, Any]

SECTION = "NETWORK"
MBIT = 1e6 / 8  # bytes per second
MS = 1e-3  # seconds
SEGMENT = 1460  # bytes of data in a TCP segment on Ethernet


@dataclass(frozen=True)
class Network:
    """An emulated network of N ends: the nodes by uid, then a service if there is one.

    Attributes
    ----------
    nodes : int
        The number of nodes.
    latency : array of shape (N, N)
        Seconds from each end (row) to each other one (column).
    up, down : array of shape (N,)
        Bytes per second that each end can send and receive; may be infinite.
    link : array of shape (N, N)
        Bytes per second of each link; may be infinite.
    jitter : array of shape (N, N)
        The latency of a message differs by at most so many seconds.
    loss : array of shape (N, N)
        The fraction of packets that is lost, and sent again.
    fair : bool
        Whether transfers share links, instead of being sent one after another.
    compute : array of shape (N,) or None
        Seconds of each round that an end computes; None for what was measured.
    seed : int
        Of the jitter.
    gaps : int
        How many latencies were not measured.
    energy : Energy or None
        What the ends consume, if that is to be computed.
    """

    nodes: int
    latency: Floats
    up: Floats
    down: Floats
    link: Floats
    jitter: Floats
    loss: Floats
    fair: bool = True
    compute: Floats | None = None
    seed: int = 0
    gaps: int = 0
    energy: Energy | None = None

    def links(self) -> FairFlows | FifoLinks:
        """Return the links, with no transfer on its way."""
        return (FairFlows if self.fair else FifoLinks)(self.up, self.down)

    def place(self, uid: int) -> int:
        """Return the index of a node, or of the service, which has a negative uid."""
        return uid if uid >= 0 else self.nodes

    def seconds(self, uid: int, measured: float = 0.0) -> float:
        """Return how long a node computes in a round: what is given, or ``measured``."""
        if self.compute is None:
            return measured
        return float(self.compute[self.place(uid)])

    def transfer(self, key: Any, sender: int, receiver: int, size: int) -> Transfer:
        """Return the transfer of a message of ``size`` bytes, by uid.

        Lost packets are sent again, and slow a connection down (Mathis et al., CCR 1997).
        """
        ends = self.place(sender), self.place(receiver)
        loss, cap = float(self.loss[ends]), float(self.link[ends])
        round_trip = float(self.latency[ends] + self.latency[ends[::-1]])
        if loss and round_trip:
            cap = min(cap, SEGMENT / round_trip * math.sqrt(1.5 / loss))
        return Transfer(key, *ends, size / (1 - loss), cap)

    def delays(self, sender: int) -> Callable[[int], float]:
        """Return a function of the receiver's uid: the latency of the next message, in s.

        The jitter is drawn uniformly from a stream of the sender's.
        """
        random = stream("jitter", self.seed, sender)
        source = self.place(sender)

        def delay(receiver: int) -> float:
            target = self.place(receiver)
            jitter = float(self.jitter[source, target])
            draw = random.uniform(-jitter, jitter) if jitter else 0.0
            return max(0.0, float(self.latency[source, target]) + draw)

        return delay


def describe(section: Section, nodes: int, services: int = 0, seed: int = 0) -> Network:
    """Return the network that a section describes.

    Parameters
    ----------
    section
        The keys of section NETWORK, whose types are valid.
    nodes, services : int
        How many nodes there are, and whether there is a service beside them (0 or 1).
    seed
        Of the jitter.

    Raises
    ------
    ConfigError
        If a file cannot be read, has too few rows, or has an impossible number.
    """
    refuse_both(section)
    size = nodes + services
    latency, gaps = _latency(section, size)
    up, down, link = _bandwidth(section, size)
    return Network(
        nodes,
        latency * MS,
        up * MBIT,
        down * MBIT,
        link * MBIT,
        _pairs(section, "jitter", size, np.add) * MS,
        _loss(section, size),
        section.get("sharing", "fair") == "fair",
        _compute(section, nodes, size),
        seed,
        gaps,
        energy_of(section, nodes, size),
    )


def refuse_both(section: Section) -> None:
    """Raise a ConfigError if something is given twice."""
    for name in ("latency", "jitter", "loss", "compute"):
        if name in section and f"{name}_file" in section:
            raise _twice(f"{name}_file", name)
    for name in ("latency", "latency_file"):
        if name in section and "topology" in section:
            raise _twice("topology", name)
    for name in ("bandwidth", "up", "down"):
        if name in section and "bandwidth_file" in section:
            raise _twice("bandwidth_file", name)


def _twice(key: str, other: str) -> ConfigError:
    return ConfigError(f"given together with {other}", section=SECTION, key=key)


def _latency(section: Section, size: int) -> tuple[Floats, int]:
    """Return the latencies in ms, and how many of them were not measured."""
    if "topology" in section:
        with located(section=SECTION, key="topology", value=section["topology"]):
            found = of_topology(str(section["topology"]))
            return completed(_enough(found, size)[:size, :size])
    if "latency_file" not in section:
        return _pairs(section, "latency", size, np.add), 0
    with located(section=SECTION, key="latency_file", value=section["latency_file"]):
        found = _enough(read_numbers(section["latency_file"]), size)
        if found.shape[1] > 1:
            return completed(_square(found)[:size, :size])
        refuse_negative(found)
        return _both(_without_gaps(found)[:size, 0], np.add), 0


def _bandwidth(section: Section, size: int) -> tuple[Floats, Floats, Floats]:
    """Return Mbit/s up and down of each end, and of each link."""
    both = section.get("bandwidth", math.inf)
    up, down = (np.full(size, section.get(key, both), float) for key in ("up", "down"))
    unlimited = np.broadcast_to(np.inf, (size, size))
    if "bandwidth_file" not in section:
        return up, down, unlimited
    value = section["bandwidth_file"]
    with located(section=SECTION, key="bandwidth_file", value=value):
        found = _enough(read_numbers(value), size)
        refuse_negative(found)
        if (found == 0).any() and found.shape[1] <= 2:
            raise ConfigError("has a bandwidth of 0, with which nothing would arrive")
        if found.shape[1] <= 2:
            found = np.where(np.isnan(found), np.inf, found)[:size]
            return found[:, 0], found[:, -1], unlimited
        link = _square(found)[:size, :size]
        np.fill_diagonal(link, np.inf)
        if (link == 0).any():
            raise ConfigError("has a bandwidth of 0, with which nothing would arrive")
        return up, down, np.where(np.isnan(link), np.inf, link)


def _pairs(section: Section, name: str, size: int, join: Any) -> Floats:
    """Return a quantity of each link, from a number, a column of nodes or a matrix.

    Missing entries are 0. ``join`` makes that of a link of those of its two ends.
    """
    key = f"{name}_file"
    if key not in section:
        return np.broadcast_to(float(section.get(name, 0)), (size, size))
    with located(section=SECTION, key=key, value=section[key]):
        found = _enough(read_numbers(section[key]), size)
        refuse_negative(found)
        found = np.nan_to_num(found)
        if found.shape[1] == 1:
            return _both(found[:size, 0], join)
        return _square(found)[:size, :size]


def _loss(section: Section, size: int) -> Floats:
    """Return the loss of each link, a fraction; that of two ends is of both together."""
    found = _pairs(section, "loss", size, lambda a, b: 1 - (1 - a) * (1 - b))
    if (found >= 1).any():
        raise ConfigError(
            "has a loss of 1 or more; expected a fraction below 1",
            section=SECTION,
            key="loss_file",
            value=section["loss_file"],
        )
    return found


def _compute(section: Section, nodes: int, size: int) -> Floats | None:
    """Return the seconds of a round that each end computes; a service 0 by default."""
    if "compute_file" in section:
        value = section["compute_file"]
        with located(section=SECTION, key="compute_file", value=value):
            found = _without_gaps(_enough(read_numbers(value), nodes))
            refuse_negative(found)
            if found.shape[1] > 1:
                raise ConfigError(f"has {found.shape[1]} columns; expected one")
            return np.append(found[:, 0], 0.0)[:size]
    seconds = section.get("compute", "measured")
    if seconds == "measured":
        return None
    return np.append(np.full(nodes, float(seconds)), 0.0)[:size]


def _enough(found: Floats, size: int) -> Floats:
    if len(found) < size:
        raise ConfigError(f"has {len(found)} sites, too few for {size} nodes")
    return found


def _square(found: Floats) -> Floats:
    rows, columns = found.shape
    if rows != columns:
        raise ConfigError(f"has {rows} rows of {columns} numbers; expected a square")
    return found


def _without_gaps(found: Floats) -> Floats:
    if np.isnan(found).any():
        raise ConfigError(f"row {np.argwhere(np.isnan(found))[0][0] + 1} has a gap")
    return found


def _both(ends: Floats, join: Any) -> Floats:
    """Return what holds between each two ends; 0 from an end to itself."""
    found: Floats = join(ends[:, None], ends[None, :])
    np.fill_diagonal(found, 0)
    return found
