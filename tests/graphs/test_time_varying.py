"""Breaks when nodes draw different graphs, or a sequence does not mix as promised."""

import numpy as np
import pytest

from decentralizepy.errors import GraphError
from decentralizepy.graphs.DynamicRegular import DynamicRegular
from decentralizepy.graphs.FilePerRound import FilePerRound
from decentralizepy.graphs.ODEquiDyn import ODEquiDyn
from decentralizepy.graphs.OnePeerExponential import OnePeerExponential
from decentralizepy.graphs.OUEquiDyn import OUEquiDyn, pairs
from decentralizepy.graphs.RandomMatching import RandomMatching
from decentralizepy.graphs.Ring import Ring

SEQUENCES = {
    "one peer": OnePeerExponential,
    "matching": RandomMatching,
    "regular": lambda n: DynamicRegular(n, 4),
    "directed equitopo": ODEquiDyn,
    "undirected equitopo": OUEquiDyn,
}


@pytest.mark.parametrize("make", SEQUENCES.values(), ids=SEQUENCES)
def test_every_node_draws_the_same_and_rounds_differ(make):
    one, other = make(12), make(12)
    rounds = [one.at(iteration).adj_list for iteration in range(30)]
    assert rounds == [other.at(iteration).adj_list for iteration in range(30)]
    assert rounds[0] != rounds[1]
    assert one.at(3).adj_list == rounds[3]  # forgotten, and drawn again


def mixing(graph):
    """Return a graph's weights, or 1 / (1 + degree) if it has none and degrees are equal."""
    matrix = np.zeros((graph.n_procs, graph.n_procs))
    for uid in range(graph.n_procs):
        senders = graph.in_neighbors(uid)
        for sender in senders:
            default = 1 / (1 + max(len(senders), graph.degree(sender)))
            matrix[uid, sender] = graph.weight(uid, sender) or default
        matrix[uid, uid] = 1 - matrix[uid].sum()
    return matrix


def after(sequence, rounds):
    product = np.eye(sequence.n_procs)
    for iteration in range(rounds):
        product = mixing(sequence.at(iteration)) @ product
    return product


@pytest.mark.parametrize("n", [2, 4, 16])
def test_one_peer_averages_exactly_in_log_n_rounds(n):
    product = after(OnePeerExponential(n), n.bit_length() - 1)
    assert product == pytest.approx(np.full((n, n), 1 / n))


@pytest.mark.parametrize("make", SEQUENCES.values(), ids=SEQUENCES)
@pytest.mark.parametrize("n", [7, 12])
def test_the_mean_is_kept_and_nodes_agree(make, n):
    product = after(make(n), 80)
    assert product.sum(axis=0) == pytest.approx(np.ones(n))
    assert np.abs(product - 1 / n).max() < 1e-3


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_a_matching_has_one_partner_a_node(n):
    degrees = sorted(map(len, RandomMatching(n).at(4).adj_list))
    assert degrees == [0] * (n % 2) + [1] * (n - n % 2)


def test_a_fixed_graph_is_its_own_round():
    ring = Ring(4)
    assert ring.at(9) is ring
    assert ring.in_neighbors(1) == {0, 2}


def squared(matrix):
    """Return by what a matrix multiplies squared distances to the mean, for each start."""
    return (matrix - 1 / len(matrix)).T @ (matrix - 1 / len(matrix))


@pytest.mark.parametrize("n", [2, 3, 8, 9])
def test_directed_equitopo_contracts_as_promised_in_expectation(n):
    """Over all shifts: (1 - eta)^2 + eta^2 (1 - 2 / n), below 1 - 2 eta (1 - eta)."""
    eta, seen = 0.3, {}
    graph = ODEquiDyn(n, eta)
    for iteration in range(60):
        each = graph.at(iteration)
        (shift,) = each.shifts
        shifted = np.roll(np.eye(n), shift, axis=0)
        full = (n - 1) / n * shifted + np.eye(n) / n
        assert mixing(each) == pytest.approx((1 - eta) * np.eye(n) + eta * full)
        seen[shift] = squared(mixing(each))
    assert seen.keys() == set(range(1, n))
    factor = (1 - eta) ** 2 + eta**2 * (1 - 2 / n)
    expected = factor * (np.eye(n) - 1 / n)
    assert sum(seen.values()) / len(seen) == pytest.approx(expected)


@pytest.mark.parametrize("n", [2, 3, 7, 8, 9])
def test_undirected_equitopo_contracts_as_promised_in_expectation(n):
    """Over all shifts and starts, by 1 - 4 / 3 eta (1 - eta) at least."""
    eta = 0.5
    places = [(shift, first) for shift in range(1, n) for first in range(n)]
    total = np.zeros((n, n))
    for place in places:
        matrix = np.eye(n)
        for one, other in pairs(n, *place):
            matrix[[one, other], [other, one]] = share = eta * (n - 1) / n
            matrix[[one, other], [one, other]] = 1 - share
        total += squared(matrix) / len(places)
    assert np.linalg.eigvalsh(total).max() <= 1 - 4 / 3 * eta * (1 - eta) + 1e-9


def test_who_is_paired_by_hand():
    """With shift 2 of 6 nodes, from 4 on: 4 meets 0 and 5 meets 1; 2 finds 4 taken."""
    assert pairs(6, 2, 4) == [(0, 4), (1, 5)]
    assert pairs(4, 2, 3) == [(1, 3), (0, 2)]
    assert pairs(3, 1, 1) == [(1, 2)]
    graph = OUEquiDyn(6, eta=0.5).at(3)
    (uid, *_), *_ = graph.to_networkx().edges()
    (other,) = graph.neighbors(uid)
    assert graph.weight(uid, other) == graph.weight(other, uid) == 0.5 * 5 / 6


@pytest.fixture
def folder(tmp_path):
    """Return a folder of three rounds of three nodes."""
    for name, edges in (("1.edges", "0 1"), ("2.edges", "1 2"), ("03.edges", "")):
        (tmp_path / name).write_text(f"3\n{edges}\n")
    return tmp_path


def test_each_round_has_the_graph_of_its_file(folder):
    (folder / ".hidden").write_text("not a graph")
    graph = FilePerRound(3, str(folder))
    rounds = [graph.at(iteration).adj_list for iteration in range(5)]
    assert rounds[0] == rounds[3] == [{1}, {0}, set()]
    assert rounds[1] == rounds[4] == [set(), {2}, {1}]
    assert rounds[2] == [set(), set(), set()]
    assert (graph.fixed, graph.period) == (False, 3)


def test_rows_of_neighbors_are_read_too(tmp_path):
    (tmp_path / "contacts-1.txt").write_text("2\n1\n0\n")
    assert FilePerRound(2, str(tmp_path), "adjacency").adj_list == [{1}, {0}]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("2.edges", "3\n0 9\n", r"^round 2: \S*/2.edges, line 2: there is no node 9"),
        ("2.edges", "4\n0 1\n", r"^round 2: \S*/2.edges: 4 nodes, not 3"),
        ("5.edges", "3\n0 1\n", r"^round 4: no file in "),
        ("0.edges", "3\n0 1\n", r"^\S*/0.edges: rounds are counted from 1"),
        ("r2.edges", "3\n0 1\n", r"^round 2: both \S*/2.edges and \S*/r2.edges"),
        ("notes.txt", "3\n0 1\n", r"^\S*/notes.txt: expected a name that ends in"),
    ],
)
def test_a_bad_file_is_told_with_its_round(folder, name, content, told):
    (folder / name).write_text(content)
    with pytest.raises(GraphError, match=told):
        FilePerRound(3, str(folder))


def test_a_folder_without_files_is_an_error(tmp_path):
    with pytest.raises(GraphError, match=r"round 1: no file in "):
        FilePerRound(3, str(tmp_path))
    with pytest.raises(GraphError, match=r"none: cannot be read: No such file"):
        FilePerRound(3, str(tmp_path / "none"))
