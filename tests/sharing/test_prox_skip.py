"""Breaks when ProxSkip does not follow its recursion, or sends in rounds without a message."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from decentralizepy.graphs.Ring import Ring
from decentralizepy.node.checkpoint import longest_run
from decentralizepy.sharing.ExactDiffusion import ExactDiffusion
from decentralizepy.sharing.ProxSkip import ProxSkip
from tests.support.rings import Vector, make, make_graph, run, trained, vectors

N, SIZE, ROUNDS = 4, 3, 8
SEEDS = st.integers(0, 10_000)
SECTION = {"sharing_package": ProxSkip.__module__, "sharing_class": "ProxSkip"}


def drawn(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(N, SIZE)), rng.normal(size=(ROUNDS, N, SIZE))


def nodes_of(start, **options):
    return make(ProxSkip, [Vector(row) for row in start], **options)


def run_round(nodes, number, silent):
    if number not in silent:
        run(nodes)
        return
    for node in nodes:
        node.get_data_to_send()
        node._averaging({})


def followed(start, changes, **options):
    """Return the nodes, the models after each round, and the silent rounds."""
    nodes, found = nodes_of(start, **options), []
    silent = nodes[0].silent_rounds(len(changes))
    for number, change in enumerate(changes):
        trained(nodes, change)
        run_round(nodes, number, silent)
        found.append(vectors(nodes))
    return nodes, found, silent


def published(start, changes, silent, chi, beta):
    x, y, eye = start, np.zeros_like(start), np.eye(N)
    w = eye - (eye - make_graph(N).mixing_matrix()) / (2 * chi)
    for number, d in enumerate(changes):
        z = x - d - y
        x = z if number in silent else w @ z
        y = y + beta * (z - x)
        yield x


@given(seed=SEEDS)
@settings(max_examples=10)
def test_models_follow_the_published_recursion(seed):
    start, changes = drawn(seed)
    options = {"chi": 1.5, "beta": 0.4}
    _, found, silent = followed(start, changes, probability=0.5, **options)
    assert 0 < len(silent) < ROUNDS
    expected = published(start, changes, silent, **options)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours == pytest.approx(theirs, abs=1e-4)


@given(seed=SEEDS)
@settings(max_examples=10)
def test_corrections_sum_to_zero_and_the_mean_moves_by_the_mean_change(seed):
    start, changes = drawn(seed)
    nodes, found, _ = followed(start, changes, probability=0.5)
    assert sum(node.y for node in nodes).abs().max() < 1e-5
    mean = start.mean(0) - changes.mean(1).sum(0)
    assert found[-1].mean(0) == pytest.approx(mean, abs=1e-4)


def test_nodes_agree_on_the_optimum_of_unlike_data():
    targets = np.random.default_rng(1).normal(size=(N, SIZE)) * 9
    nodes = nodes_of(np.zeros((N, SIZE)), probability=0.3)
    silent = nodes[0].silent_rounds(400)
    for number in range(400):
        trained(nodes, 0.1 * (vectors(nodes) - targets))
        run_round(nodes, number, silent)
    optimum = np.broadcast_to(targets.mean(0), targets.shape)
    assert vectors(nodes) == pytest.approx(optimum, abs=1e-3)


def test_with_probability_one_it_is_exact_diffusion():
    start, changes = drawn(2)
    _, ours, silent = followed(start, changes, probability=1.0)
    assert not silent
    nodes = make(ExactDiffusion, [Vector(row) for row in start])
    for change, models in zip(changes, ours, strict=True):
        trained(nodes, change)
        run(nodes)
        assert vectors(nodes) == pytest.approx(models, abs=1e-5)


def test_all_nodes_throw_one_coin():
    """Of the seed of the run, however many rounds there are."""
    nodes = nodes_of(np.zeros((N, SIZE)), probability=0.25)
    silent = nodes[0].silent_rounds(1000)
    assert {node.silent_rounds(1000) for node in nodes} == {silent}
    assert len(silent) == pytest.approx(750, abs=50)
    assert nodes[0].silent_rounds(10) == {number for number in silent if number < 10}
    nodes[0].dataset = SimpleNamespace(random_seed=1)
    assert nodes[0].silent_rounds(1000) != silent


def test_nothing_is_sent_in_silent_rounds(run_nodes):
    """Nodes do not wait for each other then, so that they may be many rounds apart."""
    rounds = 12
    nodes = run_nodes(Ring(4), rounds=rounds, SHARING={**SECTION, "probability": 0.25})
    silent = nodes[0].silent_rounds
    assert 0 < len(silent) < rounds
    numbers = nodes[0].sharing.flat.size
    for node in nodes.values():
        sent = 2 * 4 * numbers * (rounds - len(silent))
        assert node.communication.total_data == sent
        assert node.rounds_ahead == rounds
        node.checkpointer.every = 1
        assert node.checkpointer.kept == 2 * (1 + longest_run(silent)) + 2


def test_the_longest_run_is_of_consecutive_numbers():
    assert [longest_run(each) for each in ((), (3,), (1, 2, 5, 6, 7, 9))] == [0, 1, 3]
