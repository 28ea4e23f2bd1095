"""Breaks when a signal interrupts what an earlier one has begun."""

import os
import signal

import pytest

from decentralizepy.run.signals import ENDING, Stopped, end_once


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


def _stop_and_clean_up():
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    finally:
        for number in ENDING:
            os.kill(os.getpid(), number)
