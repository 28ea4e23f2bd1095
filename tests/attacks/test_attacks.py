"""Breaks when a Byzantine node sends something else than its attack says."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays

from decentralizepy import factory
from decentralizepy.attacks.byzantine import byzantine_uids
from decentralizepy.attacks.LabelFlip import Flipped
from decentralizepy.errors import ConfigError
from decentralizepy.graphs.FullyConnected import FullyConnected
from decentralizepy.graphs.Graph import Graph
from decentralizepy.graphs.Ring import Ring
from decentralizepy.graphs.Star import Star
from tests.support.apart import STILL

HONEST = torch.tensor([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]])
OWN = torch.tensor([1.0, -2, 3])
# an attack, its option that is no attack, and what it makes of the rows
ATTACKS = {
    "SignFlip": ({"scale": 2}, {"scale": -1}, [-2, 4, -6]),
    "Scaled": ({"factor": 10}, {"factor": 1}, [10, -20, 30]),
    "Gaussian": ({"std": 0}, {"std": 0}, [1, -2, 3]),
    "IPM": ({"epsilon": 2}, None, [-8, -10, -12]),
    "ALIE": ({"z": 1.5}, None, [8.5, 9.5, 10.5]),
    "Mimic": ({}, None, [1, 2, 3]),
    "LabelFlip": ({}, None, [1, -2, 3]),
}


def attack(name, uid=3, seed=90, **options):
    return factory.load(f"decentralizepy.attacks.{name}", name)(uid, seed, **options)


@pytest.mark.parametrize("name", ATTACKS)
def test_the_rows_of_the_referee(name):
    options, nothing, expected = ATTACKS[name]
    assert attack(name, **options).forge(OWN, HONEST, 0).tolist() == expected
    if nothing:
        assert attack(name, **nothing).forge(OWN, HONEST, 0).tolist() == OWN.tolist()


def test_noise_depends_on_node_and_round_alone():
    def noise(iteration=2, **place):
        return attack("Gaussian", **place).forge(OWN, HONEST, iteration) - OWN

    first = noise()
    assert torch.equal(noise(), first)
    others = [noise(3), noise(uid=4), noise(seed=91)]
    assert not any(torch.equal(other, first) for other in others)
    many = attack("Gaussian", std=3.0).forge(torch.zeros(10_000), HONEST, 0)
    assert many.std().item() == pytest.approx(3, rel=0.05)
    assert abs(many.mean().item()) < 0.15  # five standard errors


@given(
    honest=arrays(np.float32, (5, 3), elements=st.integers(-50, 50)),
    z=st.floats(0, 1, width=32),
)
@settings(max_examples=30)
def test_alie_stays_near_the_honest(honest, z):
    """The deviation of five numbers is at most 5 / (2 * 20^0.5) of their range."""
    forged = attack("ALIE", z=z).forge(OWN, torch.from_numpy(honest), 0).numpy()
    spread = np.ptp(honest, axis=0) * 5 / 2 / 20**0.5
    assert (np.abs(forged - honest.mean(0)) <= z * spread + 1e-3).all()


def test_a_flipped_loss_reads_the_opposite_label():
    loss = Flipped(lambda output, target: target.sum(), 10)
    assert loss(None, torch.tensor([0, 9, 4])) == 9 + 0 + 5


def uids(graph, seed=1, **section):
    return byzantine_uids({"ATTACK": section, "DATASET": {"random_seed": seed}}, graph)


def test_which_nodes_are_byzantine():
    ring = Ring(8)
    assert byzantine_uids({"DATASET": {}}, ring) == frozenset()
    assert uids(ring, nodes=3) == {3}
    assert uids(ring, nodes="[1, 5]") == {1, 5}
    assert uids(ring, nodes="1, 5") == {1, 5}
    assert len(uids(ring, count=3)) == 3
    assert len(uids(ring, fraction=0.3)) == 2
    assert uids(ring, count=3) == uids(ring, count=3)
    assert len({uids(ring, seed, count=3) for seed in range(20)}) > 5
    assert uids(ring, count=2) < uids(ring, count=3)


def test_nodes_are_byzantine_by_their_degree():
    star = Star(6)
    (hub,) = uids(star, count=1, position="highest_degree")
    assert len(star.neighbors(hub)) == 5
    assert hub not in uids(star, count=5, position="lowest_degree")


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ({}, "expected one of nodes, count, fraction, but 0 are given"),
        ({"nodes": 1, "count": 1}, "but 2 are given"),
        ({"nodes": 4}, r"\[ATTACK\] nodes = 4: there is no node 4"),
        ({"fraction": 0.1}, r"fraction = 0.1: makes 0 of 4 nodes Byzantine"),
        ({"count": 4}, r"count = 4: makes 4 of 4 nodes Byzantine"),
    ],
)
def test_nodes_that_cannot_be_are_an_error(section, told):
    with pytest.raises(ConfigError, match=told):
        uids(Graph(4), **section, attack_class="SignFlip")


def section(name, **options):
    package = f"decentralizepy.attacks.{name}"
    return {"attack_package": package, "attack_class": name, **options}


@pytest.mark.parametrize("name", ATTACKS)
def test_what_is_no_attack_leaves_the_bits_as_they_are(run_nodes, name):
    _, nothing, _ = ATTACKS[name]
    options = nothing or {"start": 9}  # after the last round
    if name == "LabelFlip":
        return  # it corrupts the training from the first round on
    plain = run_nodes(Ring(4))
    attacked = run_nodes(Ring(4), ATTACK=section(name, nodes=1, **options))
    for uid, node in plain.items():
        assert torch.equal(node.model.fc.weight, attacked[uid].model.fc.weight)


@pytest.mark.parametrize("name", ATTACKS)
def test_honest_nodes_are_hurt(run_nodes, name):
    """Two of four Byzantine nodes are neighbors, and wait for none of each other."""
    plain = run_nodes(FullyConnected(4))
    attacked = run_nodes(FullyConnected(4), ATTACK=section(name, nodes="[0, 2]"))
    assert [attacked[uid].malice is not None for uid in range(4)] == [True, False] * 2
    for uid in (1, 3):
        ours, theirs = plain[uid].model.fc.weight, attacked[uid].model.fc.weight
        assert not torch.equal(ours, theirs)


def test_a_round_with_one_attacker_by_hand(run_nodes):
    """Nodes do not train; of three, whose weights are 1/3, one sends -5 times the model."""
    before = run_nodes(Ring(3), rounds=1, **STILL)
    flip = section("SignFlip", nodes=2, scale=5.0)
    after = run_nodes(Ring(3), rounds=1, ATTACK=flip, **STILL)
    for uid in (0, 1):
        expected = before[uid].model.fc.weight * (1 + 1 - 5) / 3
        assert torch.allclose(after[uid].model.fc.weight, expected)
    own = after[2].model.fc.weight  # averages what it receives like any other
    assert torch.allclose(own, before[2].model.fc.weight)
