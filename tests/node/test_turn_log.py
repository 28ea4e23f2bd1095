"""Breaks when nodes that take turns keep their logs open, or lose messages."""

import logging

from decentralizepy.node.turn_log import TurnLog


def record(level, text):
    return logging.LogRecord("node", level, "node.py", 1, text, (), None)


def test_messages_are_held_until_one_matters(tmp_path):
    path = tmp_path / "3.log"
    log = TurnLog(path)
    log.handle(record(logging.INFO, "first"))
    assert path.read_text() == "first\n"
    log._due = float("inf")  # not yet a second later
    log.handle(record(logging.INFO, "second"))
    assert path.read_text() == "first\n"
    log.handle(record(logging.WARNING, "third"))
    assert path.read_text() == "first\nsecond\nthird\n"
    log._due = float("inf")
    log.handle(record(logging.INFO, "fourth"))
    log.close()
    assert path.read_text() == "first\nsecond\nthird\nfourth\n"


def test_a_message_is_tried_again_if_it_cannot_be_written(tmp_path):
    path = tmp_path / "not there yet" / "3.log"
    log = TurnLog(path)
    log.handle(record(logging.ERROR, "first"))
    path.parent.mkdir()
    log.handle(record(logging.ERROR, "second"))
    assert path.read_text() == "first\nsecond\n"
