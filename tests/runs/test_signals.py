"""Breaks when a signal interrupts what an earlier one has begun."""

import os
import signal

import pytest

from decentralizepy.runs.signals import ENDING, Stopped, at_signal, end_once


def test_the_first_signal_counts_and_later_ones_are_ignored():
    before = [signal.getsignal(number) for number in ENDING]
    told = pytest.raises(Stopped, match="stopped by SIGTERM; results")
    with told as stopped, end_once():
        _stop_and_clean_up()
    assert stopped.value.exit_status == 143
    assert [signal.getsignal(number) for number in ENDING] == before


def test_what_is_ignored_stays_ignored():
    """As SIGHUP is under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with end_once():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_second_signal_does_what_it_must_at_once():
    """The first one still ends the launcher, whatever it was doing; later ones do not."""
    done = []
    with pytest.raises(Stopped), end_once():
        _stop_twice(done)
    assert done == ["first", "second"]


def test_a_signal_that_is_ignored_does_nothing():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with end_once(), at_signal(pytest.fail):
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def _stop_twice(done):
    try:
        with at_signal(lambda: done.append("first")):
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        with at_signal(lambda: done.append("second")):
            os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)


def _stop_and_clean_up():
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    finally:
        for number in ENDING:
            os.kill(os.getpid(), number)
