"""Runs an experiment in a process that continues afterwards, such as a notebook's."""

from collections.abc import Callable

from decentralizepy.runs.signals import end_once


def run_here(run: Callable[[], None]) -> None:
    """Call ``run``, of which IPython shows what it raises, and restore torch's threads."""
    import torch

    threads = torch.get_num_threads()
    try:
        with end_once():
            run()
    except SystemExit as end:  # of the parser of flags; 0 after -h
        if end.code:
            raise end.__cause__ or end from None
    finally:
        torch.set_num_threads(threads)
