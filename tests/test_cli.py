"""Breaks when the command fails where its reader has seen enough, or hides a bug."""

import os
import sys

import pytest

from decentralizepy import cli, factory


@pytest.mark.parametrize("through", [True, False], ids=["unbuffered", "buffered"])
def test_a_reader_that_has_seen_enough_gets_no_traceback(monkeypatch, through):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        stream.reconfigure(write_through=through)
        monkeypatch.setattr(sys, "stdout", stream)
        assert cli.main(["completion", "bash"]) == 1


def test_a_pipe_that_breaks_elsewhere_is_a_bug(monkeypatch):
    def main(words):
        raise BrokenPipeError

    monkeypatch.setattr(factory, "load", lambda *names: main)
    with pytest.raises(BrokenPipeError):
        cli.main(["completion"])
