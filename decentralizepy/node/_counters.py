"""The byte counters of a transport, which checkpoints keep."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

COUNTERS = ("total_bytes", "total_meta", "total_data", "total_control")


@contextmanager
def uncounted(transport: Any) -> Iterator[None]:
    """Leave out of the counters what is sent inside."""
    before = {name: getattr(transport, name, 0) for name in COUNTERS}
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(transport, name, value)


@contextmanager
def unseen(transport: Any) -> Iterator[None]:
    """Leave what is sent inside out of the counters, and out of an emulated network."""
    note_sent = getattr(transport, "note_sent", None)
    with uncounted(transport):
        transport.note_sent = None
        try:
            yield
        finally:
            transport.note_sent = note_sent
