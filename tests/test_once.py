"""Breaks when what is equal for all nodes of a process is computed in each of them."""

from types import SimpleNamespace

import numpy as np

from decentralizepy import once as module
from decentralizepy.datasets.Digits import Digits
from decentralizepy.graphs.Graph import Graph
from decentralizepy.graphs.Ring import Ring
from decentralizepy.mappings.Linear import Linear
from decentralizepy.node._identity import identify
from decentralizepy.node.checkpoint import max_round_lag
from decentralizepy.once import KEPT, once


def test_a_result_is_computed_once_per_object_and_key():
    thing, other, calls = [1], [1], []

    def compute():
        calls.append(1)
        return len(calls)

    assert [once(thing, "key", compute) for _ in range(3)] == [1, 1, 1]
    assert once(thing, "another key", compute) == 2
    assert once(other, "key", compute) == 3  # equal, but not the same
    assert once(thing, "key", compute) == 1


def test_only_the_results_used_last_are_kept():
    first = object()
    assert once(first, "key", lambda: 1) == 1
    for _ in range(KEPT - 1):
        once(object(), "key", lambda: 0)
    assert once(first, "key", lambda: 2) == 1
    for _ in range(KEPT):
        once(object(), "key", lambda: 0)
    assert once(first, "key", lambda: 2) == 2
    assert len(module._results) == KEPT


def test_nodes_divide_their_data_once(monkeypatch):
    """At 10,000 nodes, each would compute the parts of all others, too."""
    divided = []
    partitioner = Digits._partitioner
    monkeypatch.setattr(
        "decentralizepy.datasets.images.ImageDataset._partitioner",
        lambda self, data: divided.append(self.uid) or partitioner(self, data),
    )
    for kind in ("iid", "kshard", "dirichlet"):
        nodes = [
            Digits(uid, 0, Linear(1, 3), partition_niid=kind, random_seed=77)
            for uid in range(3)
        ]
        parts = [node.trainset.index for node in nodes]
        assert len(np.unique(np.concatenate(parts))) == sum(map(len, parts)) == 1438
    assert divided == [0, 0, 0]


def test_nodes_describe_the_graph_once():
    """Its digest and diameter take time that grows with the number of nodes."""
    asked = []

    class Asked(Ring):
        def neighbors(self, uid):
            asked.append(uid)
            return super().neighbors(uid)

    graph = Asked(5)
    model = SimpleNamespace(state_dict=lambda keep_vars: {})
    nodes = [
        SimpleNamespace(
            graph=graph,
            mapping=Linear(1, 5),
            iterations=1,
            model=model,
            server_driven=False,
            first_round=0,
        )
        for _ in range(3)
    ]
    first = identify(nodes[0], {}), max_round_lag(graph)
    count = len(asked)
    assert first[1] == 2
    assert [(identify(node, {}), max_round_lag(graph)) for node in nodes] == [first] * 3
    assert len(asked) == count
    assert (
        identify(nodes[0], {})["graph"]
        != identify(SimpleNamespace(**{**vars(nodes[0]), "graph": Graph(5)}), {})[
            "graph"
        ]
    )
