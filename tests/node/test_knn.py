"""Breaks when an overlay is not of the K nearest, or its two ends disagree."""

import pytest

from decentralizepy.errors import ConfigError
from decentralizepy.graphs.FullyConnected import FullyConnected
from decentralizepy.graphs.Graph import Graph
from decentralizepy.graphs.Ring import Ring
from decentralizepy.node.KFN import KFN
from decentralizepy.node.KNN import KNN
from decentralizepy.node.OverlayNode import OverlayNode

# nodes 0 to 3 have the first class, 4 to 7 the second
LABELS = {uid: [9, 1] if uid < 4 else [1, 9] for uid in range(8)}
TWO = {"NODE": {"k": 3, "gossip_rounds": 20}}


@pytest.fixture(autouse=True)
def labels(monkeypatch):
    monkeypatch.setattr(
        "tests.support.toy.Points.get_label_distribution", lambda self: LABELS[self.uid]
    )


def edges(nodes):
    return {(uid, peer) for uid, node in nodes.items() for peer in node.out_edges}


def test_the_nearest_are_chosen_and_both_ends_know(run_nodes):
    nodes = run_nodes(FullyConnected(8), KNN, 2, **TWO)
    for uid, node in nodes.items():
        assert node.out_edges == {
            peer for peer in range(8) if peer // 4 == uid // 4
        } - {uid}
        assert node.in_edges == {a for a, b in edges(nodes) if b == uid}
        assert node.my_neighbors == node.in_edges | node.out_edges


def test_the_farthest_are_of_the_other_class(run_nodes):
    nodes = run_nodes(FullyConnected(8), KFN, 2, **TWO)
    assert all(uid // 4 != peer // 4 for uid, peer in edges(nodes))
    assert all(len(node.out_edges) == 3 for node in nodes.values())


@pytest.mark.parametrize("n_procs", [2, 3, 5])
def test_small_networks_end(run_nodes, n_procs):
    run_nodes(FullyConnected(n_procs), KNN, 1)


def test_a_graph_that_is_not_complete_is_kept_to(run_nodes):
    nodes = run_nodes(Ring(6), KNN, 1)
    assert all(node.out_edges <= Ring(6).neighbors(uid) for uid, node in nodes.items())


def test_an_overlay_without_edges_is_named(run_nodes):
    with pytest.raises(ConfigError, match=r"left uid . without an edge"):
        run_nodes(Ring(3), OverlayNode)


def test_nobody_to_choose_from_is_found_before_the_start():
    with pytest.raises(ConfigError, match="uid 0 has nobody"):
        KNN.prepare({}, Graph(2))
