"""What tc is told, so that the links of a network namespace are those of a description."""

import math
from collections.abc import Iterator, Sequence

from decentralizepy.network.description import MS, Network

# bytes of a full Ethernet frame by those of its data: rates are those of the data
FRAME = 1514 / 1448
UNLIMITED = 100e9  # bit/s
BURST, QUEUE = 3200, 1 << 18  # bytes at least: two frames; a window of several senders
BURST_S, QUEUE_S = 0.004, 0.2
PACKETS = 100_000  # on their way at once


def outbound(network: Network, place: int, hosts: Sequence[str]) -> Iterator[str]:
    """Yield lines of tc for the interface of an end: what it sends to each other one.

    A class of htb limits what it sends in all. It has a class for each receiver, which get
    equal shares, and lend each other what they do not use; netem delays and loses packets
    there.

    Parameters
    ----------
    network
    place
        The index of the end.
    hosts
        The address of each end.
    """
    up = float(network.up[place])
    others = [each for each, _ in enumerate(hosts) if each != place]
    if not any(is_limited(network, place, other) for other in others):
        return
    yield "qdisc add dev eth0 root handle 1: htb"  # what has no class is not limited
    yield _class("1:", 1, up, up)
    for other in others:
        number = other + 2
        cap = min(up, float(network.link[place, other]))
        yield _class("1:1", number, min(cap, up / len(others)), cap)
        to = f"match ip dst {hosts[other]}/32 flowid 1:{number:x}"
        yield f"filter add dev eth0 parent 1: protocol ip prio 1 u32 {to}"
        if delays := _netem(network, place, other):
            yield f"qdisc add dev eth0 parent 1:{number:x} {delays}"


def inbound(network: Network, place: int) -> Iterator[str]:
    """Yield lines of tc for the port of the switch to an end: what it receives in all."""
    rate = float(network.down[place])
    if math.isfinite(rate):
        queue = max(QUEUE, round(rate * QUEUE_S))
        shape = f"rate {_bits(rate)} burst {_burst(rate)} limit {queue}"
        yield f"qdisc add dev port{place} root tbf {shape}"


def is_limited(network: Network, place: int, other: int) -> bool:
    """Return whether what an end sends to another one is limited, delayed or lost."""
    rate = min(network.up[place], network.link[place, other])
    return bool(math.isfinite(rate) or _netem(network, place, other))


def _netem(network: Network, place: int, other: int) -> str:
    """Return what delays and loses packets to another end; "" if nothing does."""
    ends = place, other
    latency, jitter = network.latency[ends] / MS, network.jitter[ends] / MS
    words = [f"netem limit {PACKETS}"]
    if latency or jitter:
        words.append(f"delay {latency:g}ms" + (f" {jitter:g}ms" if jitter else ""))
    if network.loss[ends]:
        words.append(f"loss {100 * network.loss[ends]:g}%")
    return " ".join(words) if len(words) > 1 else ""


def _class(parent: str, number: int, rate: float, most: float) -> str:
    """Return the line of a class of htb: its share, and its rate when others are idle."""
    limits = f"rate {_bits(rate)} ceil {_bits(most)}"
    bursts = f"burst {_burst(rate)} cburst {_burst(most)} quantum 1514"
    return (
        f"class add dev eth0 parent {parent} classid 1:{number:x} htb {limits} {bursts}"
    )


def _bits(rate: float) -> str:
    """Return the rate of frames, in tc's words, for bytes of data per second."""
    return f"{max(8.0, min(8 * FRAME * rate, UNLIMITED)):.0f}bit"


def _burst(rate: float) -> int:
    return max(BURST, round(min(rate, UNLIMITED / 8) * BURST_S))
