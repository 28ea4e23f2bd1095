"""Breaks when a user does not see which machine is missing."""

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from decentralizepy.errors import PeerTimeout
from decentralizepy.placement import waiting
from decentralizepy.placement.waiting import Waiting


@pytest.fixture
def shown(monkeypatch):
    """Return a function that shows texts at times, and what is seen of them."""

    def shown(*told, limit=60, **options):
        clock = iter([0.0, *(when for when, _ in told)])
        time = SimpleNamespace(monotonic=lambda: next(clock))
        monkeypatch.setattr(waiting, "time", time)
        file = io.StringIO()
        with Waiting(limit, Console(file=file, width=100), **options) as wait:
            for _, text in told:
                wait.show(text)
        return file.getvalue()

    return shown


def test_in_a_file_there_is_a_line_after_a_while_and_at_each_change(shown):
    two = "38 of 48 nodes, waiting for machine 2"
    told = [(1, two), (3, two), (6, two), (14, two), (15, "all"), (17, "all")]
    lines = [f"{two} (since 3 s)", f"{two} (since 14 s)", "all (since 17 s)"]
    assert shown(*told).splitlines() == lines


def test_the_first_line_may_come_later(shown):
    told = [(3, "machine 0"), (11, "machine 0")]
    assert shown(*told, first=10) == "machine 0 (since 11 s)\n"


def test_who_waited_too_long_is_told_for_whom(shown):
    line = r"waiting for machine 2 \(since 61 s\): \[FAULTS\] start_timeout = 60"
    with pytest.raises(PeerTimeout, match=line):
        shown((61, "waiting for machine 2"))
