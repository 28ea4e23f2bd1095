"""Breaks when an algorithm with corrections does not follow its published recursion."""

import functools
from collections import deque

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from decentralizepy import factory
from decentralizepy.errors import PeerError
from decentralizepy.graphs.DoubleBinaryTree import DoubleBinaryTree
from decentralizepy.graphs.Graph import Graph
from tests.support.rings import (
    Vector,
    deliver,
    exchange,
    make,
    make_graph,
    run,
    trained,
    vectors,
)

N, SIZE, ROUNDS = 5, 3, 6
SEEDS = st.integers(0, 10_000)


def sharing(name):
    return factory.load(f"decentralizepy.sharing.{name}", name)


def vectored(name, rows, **options):
    """Return a node for each row of numbers."""
    return make(sharing(name), [Vector(row) for row in rows], **options)


def followed(name, start, changes, **options):
    """Return the models after each round, as the package computes them."""
    nodes, found = vectored(name, start, **options), []
    for change in changes:
        trained(nodes, change)
        run(nodes)
        found.append(vectors(nodes))
    return found


def d2(w, start, changes, c=1.0):
    w = np.eye(len(w)) - c * (np.eye(len(w)) - w)
    x, old, d_old = start, None, None
    for d in changes:
        new = w @ (x - d if old is None else 2 * x - old - (d - d_old))
        x, old, d_old = new, x, d
        yield x


def exact_diffusion(w, start, changes):
    psi, x, lazy = start, start, (np.eye(len(w)) + w) / 2
    for d in changes:
        psi, before = x - d, psi
        x = lazy @ (psi + x - before)
        yield x


def extra(w, start, changes):
    x, old, d_old, lazy = start, None, None, (np.eye(len(w)) + w) / 2
    for d in changes:
        new = w @ x - d if old is None else x + w @ x - lazy @ old - (d - d_old)
        x, old, d_old = new, x, d
        yield x


def gradient_tracking(w, start, changes):
    x, y = start, changes[0]
    for number in range(len(changes)):
        x = w @ (x - y)
        yield x
        if number + 1 < len(changes):
            y = w @ y + changes[number + 1] - changes[number]


def quasi_global(w, start, changes, momentum=0.9):
    x, m = start, np.zeros_like(start)
    for d in changes:
        new = w @ (x - (momentum * m + d))
        m = momentum * m + (1 - momentum) * (x - new)
        x = new
        yield x


def local_momentum(w, start, changes, momentum=0.9):
    x, m = start, np.zeros_like(start)
    for d in changes:
        m = momentum * m + d
        x = w @ (x - m)
        yield x


def averaged_momentum(w, start, changes, momentum=0.9):
    x, m = start, np.zeros_like(start)
    for d in changes:
        m = momentum * m + d
        x, m = w @ (x - m), w @ m
        yield x


# those that move the mean by the mean change
TRACKING = {
    "D2": d2,
    "ExactDiffusion": exact_diffusion,
    "NIDS": functools.partial(d2, c=0.5),
    "EXTRA": extra,
    "GradientTracking": gradient_tracking,
}
MOMENTUM = {"LocalMomentum": local_momentum, "AveragedMomentum": averaged_momentum}
PUBLISHED = {**TRACKING, **MOMENTUM, "QuasiGlobal": quasi_global}


def drawn(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(N, SIZE)), rng.normal(size=(ROUNDS, N, SIZE))


@pytest.mark.parametrize("name", PUBLISHED)
@given(seed=SEEDS)
@settings(max_examples=10)
def test_models_follow_the_published_recursion(name, seed):
    start, changes = drawn(seed)
    expected = PUBLISHED[name](make_graph(N).mixing_matrix(), start, changes)
    for ours, theirs in zip(followed(name, start, changes), expected, strict=True):
        assert ours == pytest.approx(theirs, abs=1e-4)


@pytest.mark.parametrize("name", TRACKING)
@given(seed=SEEDS)
@settings(max_examples=10)
def test_the_mean_moves_by_the_mean_change(name, seed):
    start, changes = drawn(seed)
    mean = start.mean(0)
    for models, change in zip(followed(name, start, changes), changes, strict=True):
        mean = mean - change.mean(0)
        assert models.mean(0) == pytest.approx(mean, abs=1e-4)


def descended(name, rounds=300, **options):
    """Return models that go down |x - t_i|^2 / 2 for targets t_i, and the targets."""
    targets = np.random.default_rng(1).normal(size=(N, SIZE)).astype(np.float32) * 9
    nodes = vectored(name, np.zeros((N, SIZE)), **options)
    for _ in range(rounds):
        trained(nodes, 0.1 * (vectors(nodes) - targets))
        run(nodes)
    return vectors(nodes), targets


@pytest.mark.parametrize("name", TRACKING)
def test_nodes_agree_on_the_optimum_of_unlike_data(name):
    """D-PSGD with a constant step does not."""
    models, targets = descended(name)
    optimum = np.broadcast_to(targets.mean(0), models.shape)
    assert models == pytest.approx(optimum, abs=1e-3)
    assert np.abs(descended("Sharing")[0] - optimum).max() > 0.5


@pytest.mark.parametrize("name", MOMENTUM)
@given(seed=SEEDS)
@settings(max_examples=10)
def test_the_mean_of_nodes_with_momentum_is_that_of_one_node(name, seed):
    start, changes = drawn(seed)
    mean, m = start.mean(0), 0.0
    for models, change in zip(followed(name, start, changes), changes, strict=True):
        m = 0.9 * m + change.mean(0)
        mean = mean - m
        assert models.mean(0) == pytest.approx(mean, abs=1e-4)


NOTHING = {
    **{name: ("Sharing", {"momentum": 0.0}) for name in (*MOMENTUM, "QuasiGlobal")},
    "NIDS": ("ExactDiffusion", {"c": 0.5}),
}


@pytest.mark.parametrize("name", NOTHING)
def test_what_an_option_turns_off_changes_no_bit(name):
    start, changes = drawn(1)
    plain, options = NOTHING[name]
    ours = followed(name, start, changes, **options)
    assert ours[-1].tolist() == followed(plain, start, changes)[-1].tolist()


@given(seed=SEEDS)
@settings(max_examples=10)
def test_nids_mixes_less_with_a_smaller_constant(seed):
    start, changes = drawn(seed)
    expected = d2(make_graph(N).mixing_matrix(), start, changes, c=0.2)
    found = followed("NIDS", start, changes, c=0.2)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours == pytest.approx(theirs, abs=1e-4)


@pytest.mark.parametrize("name", ["GradientTracking", "AveragedMomentum"])
def test_two_vectors_are_sent(name):
    node, *_ = vectored(name, np.ones((N, SIZE)))
    assert node.get_data_to_send()["params"].shape == (2 * SIZE,)
    message = {"params": np.ones(SIZE, np.float32), "degree": 2, "iteration": 0}
    with pytest.raises(PeerError, match="uid 1 sent a model of round 0 that does not"):
        node._averaging({1: deque([message])})


@pytest.mark.parametrize("name", PUBLISHED)
def test_what_no_optimizer_updates_is_averaged(name):
    """Statistics of BatchNorm must not become negative."""

    class Normed(torch.nn.Module):
        def __init__(self, value):
            super().__init__()
            self.w = torch.nn.Parameter(torch.ones(1))
            self.register_buffer("var", torch.tensor([value]))

    nodes = make(sharing(name), [Normed(value) for value in (9.0, 0.3, 0.3)])
    for _ in range(3):
        run(nodes)
        found = [node.model.var.item() for node in nodes]
        assert sum(found) == pytest.approx(9.6)
        assert all(0.3 <= value <= 9.0 for value in found)


# RelaySum


def tree():
    """Return 0 - 1 - 2, and 3 and 4 at 2."""
    graph = Graph(5)
    graph.add_edges([(0, 1), (1, 2), (2, 3), (2, 4)])
    return graph


def relay(graph, start, changes, lost=frozenset()):
    """Yield the models after each round, by the definition, message by message.

    Of each edge in ``lost``, (round, sender, receiver), the message of before remains.
    """
    n, x = graph.n_procs, start.copy()
    edges = [(i, j) for i in range(n) for j in graph.neighbors(i)]
    m = {edge: np.zeros(start.shape[1]) for edge in edges}
    c = dict.fromkeys(edges, 0)
    for number, d in enumerate(changes):
        x = x - d
        new_m, new_c = dict(m), dict(c)
        for i, j in edges:
            if (number, i, j) in lost:
                continue
            others = [k for k in graph.neighbors(i) if k != j]
            new_m[i, j] = x[i] + sum(m[k, i] for k in others)
            new_c[i, j] = 1 + sum(c[k, i] for k in others)
        m, c = new_m, new_c
        x = np.array(
            [
                (
                    x[i] * (n - sum(c[k, i] for k in graph.neighbors(i)))
                    + sum(m[k, i] for k in graph.neighbors(i))
                )
                / n
                for i in range(n)
            ]
        )
        yield x


def relayed(start, changes, lost=frozenset(), graph=None):
    graph = graph or tree()
    nodes, found = vectored("RelaySum", start, graph=graph), []
    for number, change in enumerate(changes):
        trained(nodes, change)
        exchange(nodes, [link for when, *link in lost if when == number])
        found.append(vectors(nodes))
    return found, nodes


@given(seed=SEEDS)
@settings(max_examples=10)
def test_relayed_sums_are_those_of_the_definition(seed):
    start, changes = drawn(seed)
    found, _ = relayed(start, changes)
    for ours, theirs in zip(found, relay(tree(), start, changes), strict=True):
        assert ours == pytest.approx(theirs, abs=1e-4)


ARCS = [(i, j) for i, others in enumerate(tree().adj_list) for j in sorted(others)]
LOSSES = st.frozensets(
    st.builds(
        lambda number, arc: (number, *arc), st.integers(0, 5), st.sampled_from(ARCS)
    )
)


@given(seed=SEEDS, lost=LOSSES)
@settings(max_examples=20)
def test_the_last_sum_stands_for_a_lost_one(seed, lost):
    start, changes = drawn(seed)
    found, nodes = relayed(start, changes, lost)
    for ours, theirs in zip(found, relay(tree(), start, changes, lost), strict=True):
        assert ours == pytest.approx(theirs, abs=1e-4)
    behind = {(i, j): subtree(i, j) for i, j in ARCS}
    for node in nodes:
        for uid, models in node.counts[0].items():
            assert models <= behind[uid, node.uid]


@given(lost=LOSSES)
@settings(max_examples=10)
def test_equal_models_stay_equal_whatever_is_lost(lost):
    start, still = np.ones((N, SIZE)), np.zeros((ROUNDS, N, SIZE))
    found, _ = relayed(start, still, lost)
    assert found[-1] == pytest.approx(start)


def subtree(i, j):
    """Return how many nodes of the tree are on the side of i of the edge to j."""
    graph = tree().to_networkx()
    graph.remove_edge(i, j)
    return len(nx.node_connected_component(graph, i))


def test_a_lost_message_by_hand():
    """0 - 1 - 2 - (3, 4), which start at 0, 1, 2, 3, 4; round 2 loses that of 1 to 0."""
    start = np.repeat(np.arange(5.0)[:, None], SIZE, axis=1)
    still = np.zeros((3, N, SIZE))
    found, nodes = relayed(start, still, {(1, 1, 0)})
    # round 1: m_10 = 1, c_10 = 1, so 0 becomes (4 * 0 + 1) / 5 = 1 / 5
    # round 2: the same sum again: (4 * 1 / 5 + 1) / 5 = 9 / 25
    assert [each[0, 0] for each in found[:2]] == pytest.approx([1 / 5, 9 / 25])
    assert nodes[0].newest == {1: 2}
    assert nodes[0].counts == [{1: 4}]  # round 3 brings what 1 heard in round 2


def test_a_late_message_does_not_replace_a_newer_one():
    _, nodes = relayed(*drawn(1))
    first, second = nodes[:2]
    late = {**second.get_data_to_send(), "iteration": 2, **second.relayed(0)}
    before = first.sums[0][1].clone()
    first._averaging({1: deque([deliver(late)])})
    assert first.newest[1] == ROUNDS - 1
    assert torch.equal(first.sums[0][1], before)
    newer = {**late, "iteration": ROUNDS + 3}
    first._averaging({1: deque([deliver(newer)])})
    assert first.newest[1] == ROUNDS + 3


@given(seed=SEEDS)
@settings(max_examples=10)
def test_each_half_is_relayed_along_its_own_tree(seed):
    graph = DoubleBinaryTree(N)
    start, changes = drawn(seed)
    found, nodes = relayed(start, changes, graph=graph)
    half, halves = SIZE // 2, []
    for each, part in zip(
        graph.trees, (np.s_[..., :half], np.s_[..., half:]), strict=True
    ):
        halves.append([*relay(each, start[part], changes[part])])
    for ours, left, right in zip(found, *halves, strict=True):
        assert ours == pytest.approx(np.concatenate([left, right], axis=1), abs=1e-4)
    assert [sum(each.values()) for each in nodes[0].counts] == [N - 1, N - 1]


def test_after_the_diameter_every_model_counts_once_and_nodes_agree():
    start, changes = drawn(3)
    still = np.zeros_like(changes)
    found, nodes = relayed(start, np.concatenate([still] * 10))
    assert [sum(node.counts[0].values()) for node in nodes] == [N - 1] * N
    assert np.ptp(found[-1], axis=0).max() < 1e-4
