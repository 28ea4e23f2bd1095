"""Breaks when section OBSERVER names what cannot observe, or fills the disk."""

from argparse import Namespace
from types import SimpleNamespace

import numpy as np
import pytest

from decentralizepy.graphs.RandomMatching import RandomMatching
from decentralizepy.graphs.Ring import Ring
from decentralizepy.mappings.Linear import Linear
from decentralizepy.node.DPSGDNode import DPSGDNode
from decentralizepy.node.DPSGDNodeFederated import DPSGDNodeFederated
from decentralizepy.node.EpidemicLearning.EL_Local import EL_Local
from decentralizepy.node.FederatedParameterServer import FederatedParameterServer
from decentralizepy.node.many_example import _in_sections
from decentralizepy.results import observed
from decentralizepy.runs import observers
from decentralizepy.runs.chosen import Chosen
from decentralizepy.runs.observer import observer_fits
from decentralizepy.sharing.Choco import Choco
from decentralizepy.sharing.RelaySum import RelaySum
from decentralizepy.sharing.SecureAggregation import SecureAggregation
from decentralizepy.sharing.Sharing import Sharing


@pytest.mark.parametrize(
    ("section", "node", "service", "sharing", "told"),
    [
        ({"nodes": "0, 3"}, DPSGDNode, None, Sharing, ""),
        ({"nodes": 3}, EL_Local, None, Sharing, ""),
        ({"nodes": -1}, DPSGDNodeFederated, FederatedParameterServer, Sharing, ""),
        ({"nodes": 2}, DPSGDNode, None, Choco, ""),
        ({"every": 2}, DPSGDNode, None, Sharing, "[OBSERVER] nodes: missing"),
        ({"nodes": 4}, DPSGDNode, None, Sharing, "= 4: there is no node 4; expected 0"),
        ({"nodes": -1}, DPSGDNode, None, Sharing, "there is no node -1"),
        ({"nodes": 1}, DPSGDNodeFederated, None, Sharing, "has its own round"),
        ({"nodes": 1}, DPSGDNode, None, RelaySum, "RelaySum sends no models"),
        ({"nodes": 1}, DPSGDNode, None, SecureAggregation, "sends no models"),
        ({"nodes": 1, "every": 2}, DPSGDNode, None, Choco, "every = 2: Choco sends d"),
    ],
)
def test_nodes_that_cannot_observe_are_refused(section, node, service, sharing, told):
    chosen = Chosen(None, {"OBSERVER": section}, sharing, Ring(4), node, service)
    found = [str(problem) for problem in observer_fits(chosen)]
    assert len(found) == bool(told)
    assert all(told in line for line in found)


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
    assert observers.size(experiment, numbers) == pytest.approx(10 * written, rel=0.01)
    assert observers.size(experiment, numbers) >= 10 * written
    assert observers.size(make(Ring(4), every=2), numbers) < 7 * written
    assert observers.size(make(RandomMatching(4)), numbers) > 15 * written
    (note,) = observers.notes(experiment, numbers)
    assert note == (
        "note: observers 0, 2 record up to 11.7 MiB of received models in logs/observed"
    )


def test_what_would_be_too_much_is_said_with_what_would_fit():
    (told,) = observers.too_large(make(Ring(4), max_mib=5), 100_000)
    assert told == (
        "[OBSERVER] max_mib = 5: the observers of this machine would write 12 MiB; "
        "every = 3 would fit"
    )
    assert not [*observers.too_large(make(Ring(4), max_mib=5, every=3), 100_000)]
    assert not [*observers.too_large(make(Ring(4)), 100_000)]


def test_rounds_for_many_nodes_at_once_leave_observers_to_single_nodes():
    assert _in_sections(make(Ring(4)).config) == "there is a section OBSERVER"
