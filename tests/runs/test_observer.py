"""Breaks when section OBSERVER names what cannot observe."""

import pytest

from decentralizepy.graphs.Ring import Ring
from decentralizepy.node.DPSGDNode import DPSGDNode
from decentralizepy.node.DPSGDNodeFederated import DPSGDNodeFederated
from decentralizepy.node.EpidemicLearning.EL_Local import EL_Local
from decentralizepy.node.FederatedParameterServer import FederatedParameterServer
from decentralizepy.node.many_example import _in_sections
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


def test_rounds_for_many_nodes_at_once_leave_observers_to_single_nodes():
    assert _in_sections({"OBSERVER": {"nodes": 0}}) == "there is a section OBSERVER"
