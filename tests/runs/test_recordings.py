"""Breaks when observers fill the disk, or are refused although they would not."""

from argparse import Namespace
from types import SimpleNamespace

import numpy as np
import pytest

from decentralizepy.graphs.RandomMatching import RandomMatching
from decentralizepy.graphs.Ring import Ring
from decentralizepy.mappings.Linear import Linear
from decentralizepy.node.DPSGDNode import DPSGDNode
from decentralizepy.results import observed
from decentralizepy.runs import recordings


def make(graph, **section):
    args = Namespace(iterations=5, machine_id=0, log_dir="logs")
    return SimpleNamespace(
        args=args,
        ranks=[0, 1, 2, 3],
        graph=graph,
        mapping=Linear(1, 4),
        node_class=DPSGDNode,
        config={"OBSERVER": {"nodes": "0, 2", **section}},
    )


def test_the_size_is_known_before_the_start(tmp_path):
    """Two observers, five rounds; in a ring two senders, else as many as there are nodes."""
    numbers = 100_000
    rows = np.zeros((3, numbers), np.float32)
    marks = {1: rows[0] == 0, 3: rows[0] == 0}
    observed.Observation(0, 1, rows[0], {1: rows[1], 3: rows[2]}, marks).write(tmp_path)
    written = (tmp_path / "observed" / "0" / "1.npz").stat().st_size
    experiment = make(Ring(4))
    assert recordings.size(experiment, numbers) == pytest.approx(10 * written, rel=0.01)
    assert recordings.size(experiment, numbers) >= 10 * written
    assert recordings.size(make(Ring(4), every=2), numbers) < 7 * written
    assert recordings.size(make(RandomMatching(4)), numbers) > 15 * written
    (note,) = recordings.notes(experiment, numbers)
    assert note == (
        "note: observers 0, 2 record up to 11.7 MiB of received models in logs/observed"
    )


def test_what_would_be_too_much_is_said_with_what_would_fit():
    (told,) = recordings.too_large(make(Ring(4), max_mib=5), 100_000)
    assert told == (
        "[OBSERVER] max_mib = 5: the observers of this machine would write 12 MiB; "
        "every = 3 would fit"
    )
    assert not [*recordings.too_large(make(Ring(4), max_mib=5, every=3), 100_000)]
    assert not [*recordings.too_large(make(Ring(4)), 100_000)]
