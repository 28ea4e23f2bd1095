"""Breaks when what cannot be shown ends a run."""

import io
import os
import sys

from decentralizepy.monitor.output import ERASE, Unfailing, unfailing


def closed_pipe():
    reading, writing = os.pipe()
    os.close(reading)
    return os.fdopen(writing, "w", buffering=1)


def test_a_closed_pipe_and_a_full_disk_take_everything():
    for stream in (closed_pipe(), open("/dev/full", "w", buffering=1)):  # noqa: SIM115
        output = Unfailing(stream)
        for _ in range(3):
            print("a line", file=output, flush=True)
        stream.close()  # as at the end of Python: nothing is left to fail


def test_what_was_held_back_fails_nobody_at_the_end(monkeypatch):
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with unfailing():
            print("less than a buffer")
        assert sys.stdout is full


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_on_a_terminal_what_takes_a_while_is_said_and_makes_way(monkeypatch):
    """A pipe gets none of it, and what is printed does not stand behind it."""
    for stream, shown in (
        (Terminal(), [f"{ERASE}loading ...{ERASE}drawing ...{ERASE}done\n"]),
        (io.StringIO(), ["done\n"]),
    ):
        monkeypatch.setattr(sys, "stdout", stream)
        with unfailing() as say:
            say("loading")
            say("drawing")
            print("done")
        assert [stream.getvalue()] == shown


def test_what_is_being_done_does_not_stay_at_the_end(monkeypatch):
    monkeypatch.setattr(sys, "stdout", stream := Terminal())
    with unfailing() as say:
        say("loading")
    assert stream.getvalue() == f"{ERASE}loading ...{ERASE}"


def test_characters_that_an_encoding_lacks_are_replaced():
    content = io.BytesIO()
    output = Unfailing(io.TextIOWrapper(content, "ascii"))
    assert output.write("1 \u00b1 2") == 5
    output.flush()
    assert content.getvalue() == b"1 ? 2"
