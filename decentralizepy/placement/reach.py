"""Finds out which machines get no answer from others, before any node starts."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from decentralizepy.placement.ways import Way, connect, reason

AT_ONCE = 32


def unanswered(machine: int, addresses: Mapping[str, str]) -> list[Way]:
    """Return the ways from a machine to others that do not answer at ``HOST:PORT``.

    The ports are held there, though nobody listens yet, so that a connection is refused.
    """
    others = {int(each): addresses[each] for each in addresses if int(each) != machine}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        failures = pool.map(_failure, others.values())
    found = zip(others, failures, strict=True)
    return [Way(to=to, address=others[to], failure=text) for to, text in found if text]


def _failure(address: str) -> str:
    try:
        connect(address).close()
    except ConnectionRefusedError:
        return ""
    except OSError as error:
        return reason(error)
    return ""
