"""Breaks when AD-PSGD loses the sum of a pair, waits in a circle, or ends early."""

from collections import deque
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings, strategies as st

from decentralizepy.config.run_section import RunSection
from decentralizepy.errors import ConfigError
from decentralizepy.graphs.Bipartite import Bipartite
from decentralizepy.graphs.coloring import odd_pair, sides
from decentralizepy.graphs.Exponential import Exponential
from decentralizepy.graphs.FullyConnected import FullyConnected
from decentralizepy.graphs.Graph import Graph
from decentralizepy.graphs.Ring import Ring
from decentralizepy.graphs.Star import Star
from decentralizepy.node.ADPSGD import ADPSGD
from decentralizepy.runs.experiment import Experiment
from decentralizepy.sharing.Sharing import Sharing
from tests.support.apart import STILL, Apart, models
from tests.support.rings import Vector, deliver, make

NUMBERS = st.lists(st.integers(-100, 100), min_size=3, max_size=3)


class Wire:
    """Puts what the node ``sender`` sends where its receivers look for it."""

    def __init__(self, sender, nodes):
        self.sender, self.nodes, self.recv_timeout = sender, nodes, 50

    def broadcast(self, receivers, message):
        for uid in receivers:
            queue = self.nodes[uid].message_queue.setdefault("DPSGD", deque())
            queue.append((self.sender, deliver(message)))

    def receive(self, block):
        return None


def pair(*rows):
    """Return two neighbors, the first of them active, with these models."""
    graph, nodes = Graph(2), []
    graph.add_edges([(0, 1)])
    for sharing in make(Sharing, [Vector(row) for row in rows], graph=graph):
        node = ADPSGD.__new__(ADPSGD)
        node.uid, node.graph, node.sharing = sharing.uid, graph, sharing
        node.model, node.dataset = sharing.model, SimpleNamespace(random_seed=3)
        node.iterations, node.communication = 9, Wire(node.uid, nodes)
        sharing.communication = node.communication
        node.init_node({})
        nodes.append(node)
    return nodes


def move(node, change):
    """Train: add ``change`` to the model."""
    with torch.no_grad():
        node.model.w += torch.tensor(change, dtype=torch.float32)


def model(node):
    return node.model.w.tolist()


def test_a_pair_averages_while_both_train_by_hand():
    """1 and 5 meet at 3; meanwhile, the active node gained 10, and the passive one -1."""
    active, passive = pair([1.0], [6.0])
    active.ask()
    move(active, [10.0])
    move(passive, [-1.0])
    passive.answer_all(is_last=False)
    assert model(passive) == [3.0]
    active.take_answer()
    assert model(active) == [13.0]


@given(x=NUMBERS, y=NUMBERS, gains=st.tuples(NUMBERS, NUMBERS, NUMBERS))
@settings(max_examples=25)
def test_the_sum_of_a_pair_changes_by_what_both_have_learned(x, y, gains):
    active, passive = pair(x, y)
    active.ask()
    move(passive, gains[0])
    move(active, gains[1])
    passive.answer_all(is_last=False)
    move(passive, gains[2])
    active.take_answer()
    expected = torch.tensor([x, y, *gains], dtype=torch.float32).sum(0)
    assert (active.model.w + passive.model.w).detach() == pytest.approx(expected)


def test_a_passive_node_polls_without_waiting_and_ends_with_its_neighbors():
    active, passive = pair([1.0], [5.0])
    passive.answer_all(is_last=False)  # nothing has arrived
    assert passive.communication.recv_timeout == 50
    active.ask()
    active.announce_end()
    passive.answer_all(is_last=True)
    assert (model(passive), passive.unfinished) == ([3.0], set())
    active.take_answer()
    assert model(active) == [3.0]


class ApartADPSGD(Apart, ADPSGD):
    """A node all of whose numbers start as its uid."""


@pytest.mark.parametrize("graph", [Ring(6), Bipartite(6, 3), Star(5)])
def test_every_node_does_its_rounds_and_the_sum_is_kept(run_nodes, graph):
    nodes = run_nodes(graph, ApartADPSGD, 5, **STILL)
    assert [node.iteration for node in nodes.values()] == [4] * graph.n_procs
    mean = (graph.n_procs - 1) / 2
    assert models(nodes).mean(0).numpy() == pytest.approx(mean, abs=1e-5)
    for node in nodes.values():
        assert not node.message_queue.get("DPSGD")
        assert node.asked is None


def test_a_run_resumes_and_every_node_does_the_rest(run_nodes):
    """What was under way is left out; the order of averages is that of the clock."""
    run_nodes(Ring(4), ADPSGD, 4, RUN={"checkpoint_every": 1})
    again = {"RUN": RunSection({}, first_round=2, checkpoint_every=1)}
    nodes = run_nodes(Ring(4), ADPSGD, 6, **again)
    for node in nodes.values():
        assert node.iteration == 5
        assert node.checkpointer.files.rounds() == [1, 2, 3, 4, 5, 6]


def test_the_sides_of_a_graph():
    assert sides(Ring(4)) == [0, 1, 0, 1]
    assert sides(Graph(2)) == [0, 0]
    assert odd_pair(Star(4)) is None
    assert odd_pair(Ring(5)) == (2, 3)


def test_a_graph_that_is_not_bipartite_is_refused_before_the_start(
    experiment, tmp_path
):
    complete = {
        "graph_package": "decentralizepy.graphs.FullyConnected",
        "graph_class": "FullyConnected",
    }
    node = {"node_package": "decentralizepy.node.ADPSGD", "node_class": "ADPSGD"}
    top = {
        "sharing_package": "decentralizepy.sharing.PartialModel",
        "sharing_class": "PartialModel",
        "alpha": "0.1",
    }
    words = experiment("IPC", GRAPH=complete, NODE=node, SHARING=top)[4:]
    with pytest.raises(ConfigError) as error:
        Experiment.load([*words, "--target_accuracy", "50"])
    path = tmp_path / "run.ini"
    assert sorted(str(error.value).splitlines()) == [
        "--target_accuracy 50.0: a node of ADPSGD cannot wait for all others; expected 0",
        f"{path}: [GRAPH] graph_class = FullyConnected: ADPSGD needs a bipartite graph; "
        "the neighbors 1 and 2 are on the same side",
        f"{path}: [SHARING] sharing_class = PartialModel: ADPSGD takes Sharing, as it "
        "averages whole models itself",
    ]
    assert "does not change" in ADPSGD.misfit(Exponential(4))
    assert ADPSGD.misfit(FullyConnected(2)) == ""
