"""Breaks when nodes that are down take part, or others wait for them or a lost message."""

from collections import deque
from itertools import chain, product

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from decentralizepy.config.run_section import RunSection
from decentralizepy.graphs.FullyConnected import FullyConnected
from decentralizepy.graphs.Graph import Graph
from decentralizepy.graphs.OnePeerExponential import OnePeerExponential
from decentralizepy.graphs.RandomMatching import RandomMatching
from decentralizepy.graphs.Ring import Ring
from decentralizepy.node.DPSGDNodeFederated import DPSGDNodeFederated
from decentralizepy.node.EpidemicLearning.EL_Local import EL_Local
from decentralizepy.node.FederatedParameterServer import FederatedParameterServer
from decentralizepy.node.many_example import _in_sections
from decentralizepy.results.lines import read_rows
from decentralizepy.sharing.Sharing import Sharing
from tests.support.apart import STILL, Apart, models
from tests.support.launcher import debug, results
from tests.support.rings import Vector, make, vectors

MODEL_BYTES = 10 * 4


def path_graph(n):
    """Return a path, whose degrees differ."""
    graph = Graph(n)
    graph.add_edges((uid, uid + 1) for uid in range(n - 1))
    return graph


def sharing(name):
    return {
        "SHARING": {
            "sharing_package": f"decentralizepy.sharing.{name}",
            "sharing_class": name,
        }
    }


@pytest.fixture
def trace(tmp_path):
    """Return a function that writes a trace, and returns the section that names it."""

    def write(*lines):
        path = tmp_path / "trace.txt"
        path.write_text("".join(f"{line}\n" for line in lines))
        return {"CHURN": {"trace_file": str(path)}}

    return write


def rows(nodes, folder, key):
    """Return the rounds, from 1, of the rows of each node that have ``key``."""
    return {
        uid: [
            row["round"]
            for row in read_rows(folder / f"{uid}_results.jsonl")
            if row.get(key)
        ]
        for uid in nodes
    }


def test_a_node_that_is_down_does_nothing(run_nodes, trace, tmp_path):
    """Of a path 0 - 1 - 2, node 1 is down in the first round, and node 2 in the second."""
    churn = trace("1 1", "0 1", "1 0")
    nodes = run_nodes(path_graph(3), Apart, 2, **STILL, **churn)
    assert models(nodes)[:, 0].tolist() == [0.5, 0.5, 2]  # (0 + 1) / 2, as of two nodes
    sent = [node.communication.total_data for node in nodes.values()]
    assert sent == [MODEL_BYTES, MODEL_BYTES, 0]
    assert rows(nodes, tmp_path, "down") == {0: [], 1: [1], 2: [2]}
    assert [node.sharing.communication_round for node in nodes.values()] == [2, 2, 2]


def test_a_node_that_is_down_does_not_train(run_nodes, trace):
    nodes = run_nodes(path_graph(3), rounds=1, **trace("1", "1", "0"))
    initial = run_nodes(path_graph(3), rounds=1, **STILL)[2]
    left, right = (node.model.fc.weight for node in (nodes[2], initial))
    assert torch.equal(left, right)
    assert not torch.equal(nodes[0].model.fc.weight, right)


@pytest.mark.parametrize(
    "graph", [Ring, path_graph, RandomMatching], ids=["ring", "path", "matching"]
)
def test_the_mean_over_nodes_is_kept(run_nodes, graph):
    """On undirected graphs, whoever is up: degrees are those among nodes that are up."""
    nodes = run_nodes(graph(6), Apart, 6, CHURN={"rate": 0.6}, **STILL)
    found = models(nodes)[:, 0]
    assert found.mean().item() == pytest.approx(2.5, abs=1e-5)
    assert found.std() < 1.5  # of 0 to 5: 1.87


def lost_by_hand(churn, number, values):
    """Return the averages of a path, in which a lost model's weight stays with its receiver."""
    degrees = [1, 2, 2, 1]
    new = list(values)
    for uid, value in enumerate(values):
        for peer in {uid - 1, uid + 1} & {0, 1, 2, 3}:
            if not churn.is_lost(peer, uid, number):
                weight = 1 / (1 + max(degrees[uid], degrees[peer]))
                new[uid] += weight * (values[peer] - value)
    return new


@pytest.mark.parametrize("bursts", [{}, {"mean_good": 2, "mean_bad": 2}])
def test_the_weight_of_a_lost_model_stays_with_its_receiver(
    run_nodes, tmp_path, bursts
):
    churn = {"loss": 0.5, **bursts}
    nodes = run_nodes(path_graph(4), Apart, 3, CHURN=churn, **STILL)
    drawn = nodes[0].churn
    values = [0.0, 1.0, 2.0, 3.0]
    for number in range(3):
        values = lost_by_hand(drawn, number, values)
    assert models(nodes)[:, 0].tolist() == pytest.approx(values, abs=1e-5)
    sent = [node.communication.total_data for node in nodes.values()]
    assert sent == [
        3 * MODEL_BYTES * degree for degree in (1, 2, 2, 1)
    ]  # lost ones, too
    lost = {
        uid: [
            n + 1
            for n in range(3)
            if any(drawn.is_lost(p, uid, n) for p in node.senders)
        ]
        for uid, node in nodes.items()
    }
    assert rows(nodes, tmp_path, "lost_messages") == lost
    assert sum(map(len, lost.values())) > 2


def one_hot(graph):
    """Return a node for each of a graph's, whose average is a row of the mixing matrix."""
    rows = np.eye(graph.n_procs)
    return make(Sharing, [Vector(row) for row in rows], graph)


def mix(nodes, up, lost=()):
    """Take a round's averages; return the mixing matrix."""
    graph = nodes[0].graph
    near = {uid: graph.neighbors(uid) & up for uid in up}
    sent = {uid: nodes[uid].get_data_to_send(len(near[uid])) for uid in up}
    for uid in up:
        heard = {peer for peer in near[uid] if (peer, uid) not in lost}
        nodes[uid].missed = len(near[uid] - heard)
        nodes[uid]._averaging({peer: deque([sent[peer]]) for peer in heard})
    return vectors(nodes)


@given(st.sets(st.integers(0, 7)), st.sets(st.tuples(*[st.integers(0, 7)] * 2)))
@settings(max_examples=30)
def test_a_matrix_of_those_that_are_up_is_doubly_stochastic(up, edges):
    graph = Graph(8)
    graph.add_edges(edges)
    matrix = mix(one_hot(graph), up)
    assert matrix == pytest.approx(matrix.T, abs=1e-6)
    assert matrix.sum(axis=1) == pytest.approx(1, abs=1e-6)
    assert (matrix >= -1e-6).all()


def test_losses_keep_the_mean_in_expectation():
    """The mean of the matrices of all 64 cases of a path's six messages is symmetric."""
    graph = path_graph(4)
    links = [(one, other) for one in range(4) for other in graph.neighbors(one)]
    matrices = [
        mix(one_hot(graph), {0, 1, 2, 3}, {*chain.from_iterable(lost)})
        for lost in product(*([(), (link,)] for link in links))
    ]
    assert len(matrices) == 64
    assert any(np.abs(each - each.T).max() > 0.1 for each in matrices)
    mean = np.mean(matrices, axis=0)
    assert mean == pytest.approx(mean.T, abs=1e-6)
    assert mean.sum(axis=1) == pytest.approx(1, abs=1e-6)


def test_push_sum_keeps_its_mass(run_nodes):
    """The sender of a lost share keeps it, so the sums of x and w never change."""
    churn = {"CHURN": {"rate": 0.8, "loss": 0.3}}
    nodes = run_nodes(
        OnePeerExponential(8), Apart, 30, **churn, **sharing("PushSum"), **STILL
    )
    parts = [node.sharing for node in nodes.values()]
    assert sum(part.w for part in parts) == pytest.approx(8, abs=1e-6)
    assert sum(part.x[0].item() for part in parts) == pytest.approx(28, abs=1e-3)
    assert models(nodes)[:, 0].tolist() == pytest.approx([3.5] * 8, abs=0.5)


def test_virtual_time_waits_for_no_node_that_is_down(run_nodes, trace, tmp_path):
    """One that is down goes on when the others do, but computes and sends nothing."""
    churn = trace("1", "1", "0")
    nodes = run_nodes(path_graph(3), rounds=1, NETWORK={"compute": 1}, **churn)
    events = {
        uid: [
            [event[0], *map(str, event[1:])] if event[0] != "send" else event[:3]
            for (row,) in [[*read_rows(tmp_path / f"{uid}_results.jsonl")]]
            for event in row["network"]
            if event[0] != "compute"
        ]
        for uid in nodes
    }
    size = events[0][0][2]
    assert size > MODEL_BYTES
    assert events[0] == [["send", [1], size], ["await", "[1]", "DPSGD", "0"]]
    assert events[1] == [
        ["send", [0], size],
        ["send", [2], 0],
        ["await", "[0]", "DPSGD", "0"],
    ]
    assert events[2] == [["idle", "0.0"], ["await", "[1]", "DPSGD", "0"]]


def test_epidemic_learning_sends_to_those_that_are_up(run_nodes, trace):
    degree = {"NODE": {"graph_degree": 2}}
    churn = trace("1 1 1", "1 1 1", "1 1 1", "0 0 0")
    nodes = run_nodes(FullyConnected(4), EL_Local, 3, **degree, **churn)
    data = [node.communication.total_data for node in nodes.values()]
    assert data[3] == 0
    assert 0 < sum(data[:3]) < 3 * 3 * 2 * MODEL_BYTES  # picked in vain, some of them
    assert [node.sharing.communication_round for node in nodes.values()] == [3] * 4


def test_a_server_takes_clients_that_are_up(run_nodes, trace, tmp_path):
    churn = trace("1 0 0", "1 1 0", "0 0 0")
    run_nodes(
        Graph(3),
        DPSGDNodeFederated,
        3,
        service_class=FederatedParameterServer,
        service_options=(str(tmp_path),),
        **churn,
    )
    names = [f"{name}_results.jsonl" for name in (0, 1, 2, -1)]
    found = [[row["round"] for row in read_rows(tmp_path / name)] for name in names]
    assert found == [[1], [1, 2], [], [1, 2, 3]]


def test_no_churn_changes_no_bit(run_nodes):
    plain = run_nodes(path_graph(4), rounds=4)
    with_section = run_nodes(path_graph(4), rounds=4, CHURN={"rate": 1.0, "loss": 0.0})
    for uid, node in plain.items():
        other = with_section[uid]
        assert torch.equal(node.sharing.flat.vector(), other.sharing.flat.vector())
        assert node.bytes_sent() == other.bytes_sent()


@pytest.mark.parametrize("name", ["Sharing", "PushSum", "QuasiGlobal"])
def test_a_run_under_churn_resumes_bit_by_bit(run_nodes, name):
    churn = {
        "mean_up": 3,
        "mean_down": 2,
        "loss": 0.1,
        "mean_good": 2,
        "mean_bad": 2,
    }
    parts = {"CHURN": churn, **sharing(name)}
    whole = run_nodes(Ring(4), rounds=8, **parts)
    run_nodes(Ring(4), rounds=5, **parts, RUN={"checkpoint_every": 1})
    again = {"RUN": RunSection({}, first_round=4)}
    resumed = run_nodes(Ring(4), rounds=8, **parts, **again)
    for uid, node in whole.items():
        assert torch.equal(
            node.sharing.flat.vector(), resumed[uid].sharing.flat.vector()
        )
        assert node.bytes_sent() == resumed[uid].bytes_sent()


def test_what_a_node_that_has_ended_does_not_send_is_not_lost(
    experiment, trace, tmp_path
):
    """Of a ring, node 2 fails in its third round, and node 1 is down in the next one."""
    churn = trace("1 1 1 1 1", "1 1 1 0 1", "1 1 1 1 1", "1 1 1 1 1")["CHURN"]
    words = experiment(
        rounds=5,
        DATASET={"dataset_class": "Dying"},
        FAULTS={"on_peer_loss": "drop"},
        CHURN={**churn, "loss": 0.999999},
    )
    assert debug(words) == 1
    tables = results(tmp_path / "run")
    lost = {
        name[0]: list(table["lost_messages"].values()) for name, table in tables.items()
    }
    assert lost == {
        "0": [2, 2, 2, 1, 2],
        "1": [2, 2, 2, 1],
        "2": [2, 2],
        "3": [2, 2, 2, 1, 1],
    }


def test_a_robust_average_is_of_what_arrives(run_nodes, trace):
    median = sharing("CoordinateMedian")
    churn = trace("1", "1", "0", "1", "0")
    nodes = run_nodes(FullyConnected(5), Apart, 1, **median, **churn, **STILL)
    assert models(nodes)[:, 0].tolist() == [1, 1, 2, 1, 4]  # of 0, 1 and 3


def test_relay_sum_goes_on_with_older_sums(run_nodes):
    """Sums of other nodes' models do not depend on when messages were lost."""
    churn = {"CHURN": {"rate": 0.8, "loss": 0.3}}
    nodes = run_nodes(path_graph(4), Apart, 40, **churn, **sharing("RelaySum"), **STILL)
    found = models(nodes)[:, 0].numpy()
    assert np.ptp(found) < 0.5


def test_an_attacker_that_is_informed_forges_what_it_receives(run_nodes):
    """It waits for no neighbor that is down, and reads no message that is lost."""
    attack = {
        "attack_package": "decentralizepy.attacks.IPM",
        "attack_class": "IPM",
        "nodes": 2,
    }
    churn = {"rate": 0.7, "loss": 0.3}
    plain = run_nodes(FullyConnected(4), rounds=6, CHURN=churn)
    attacked = run_nodes(FullyConnected(4), rounds=6, CHURN=churn, ATTACK=attack)
    assert not torch.equal(models(plain)[0], models(attacked)[0])


def test_rounds_for_many_nodes_at_once_leave_churn_to_single_nodes():
    assert _in_sections({"CHURN": {"rate": 0.5}}) == "there is a section CHURN"
