"""Breaks when a Byzantine node sends something else than its attack says."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays

from decentralizepy import factory
from decentralizepy.attacks.Attack import Target
from decentralizepy.attacks.byzantine import byzantine_uids
from decentralizepy.attacks.LabelFlip import Flipped
from decentralizepy.datasets.batches import Batches
from decentralizepy.datasets.Data import Data
from decentralizepy.errors import ConfigError
from decentralizepy.graphs.FullyConnected import FullyConnected
from decentralizepy.graphs.Graph import Graph
from decentralizepy.graphs.Ring import Ring
from decentralizepy.graphs.Star import Star
from decentralizepy.training.last_batch import ends_with_one
from tests.support.apart import STILL, Apart

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
    "FreeRider": ({"std": 0}, None, [1, -2, 3]),
    "Dissensus": ({}, None, [1, -2, 3]),  # what other Byzantine nodes are sent
    "Backdoor": ({}, {"poisoned": 0.0}, [1, -2, 3]),
}
UNTRAINED = {"LabelFlip", "FreeRider"}
"""These change the training, from the first round on, whatever their options."""


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


def test_dissensus_by_hand():
    """The neighbor is at 1; of its honest neighbors, one at 4 weighs 1/4, one at -1 1/8."""
    target = Target(
        torch.tensor([1.0, 0]),
        torch.tensor([[4.0, 0], [-1, 0]]),
        torch.tensor([0.25, 0.125]),
        byzantine=0.125,
    )
    # they pull by 3 / 4 - 2 / 8, which one of weight 1 / 8 has to undo
    assert attack("Dissensus").forge_for(target, 0).tolist() == [-3, 0]
    half = attack("Dissensus", epsilon=0.5).forge_for(target, 0)
    assert half.tolist() == [-1, 0]
    lonely = target._replace(others=torch.empty(0, 2), weights=torch.empty(0))
    assert attack("Dissensus").forge_for(lonely, 0).tolist() == [1, 0]


@given(
    models=arrays(np.float32, (4, 3), elements=st.integers(-50, 50)),
    weights=arrays(np.float32, 3, elements=st.integers(1, 5)),
    liars=st.integers(1, 5),
)
@settings(max_examples=30)
def test_an_average_of_honest_models_and_dissensus_stays(models, weights, liars):
    """Breaks when a node with a Byzantine neighbor comes nearer to the honest ones."""
    models, parts = torch.from_numpy(models), torch.from_numpy(weights) / 20
    target = Target(models[0], models[1:], parts, liars / 20)
    forged = attack("Dissensus").forge_for(target, 0)
    moved = parts @ (models[1:] - models[0]) + liars / 20 * (forged - models[0])
    assert moved.abs().max() < 1e-4


def test_dissensus_keeps_each_honest_node_where_it_is(run_nodes):
    """Nodes start at their uids, and do not train; all meet, one of them Byzantine."""
    attacked = section("Dissensus", nodes=3)
    where = {"node_class": Apart, "rounds": 2, **STILL}
    nodes = run_nodes(FullyConnected(4), ATTACK=attacked, **where)
    assert [first(nodes[uid]) for uid in range(3)] == [0, 1, 2]
    late = {**attacked, "start": 1}
    nodes = run_nodes(FullyConnected(4), ATTACK=late, **where)
    assert [first(nodes[uid]) for uid in range(3)] == [1.5] * 3


def test_dissensus_knows_who_is_down(run_nodes):
    """Of four nodes that all meet, two are Byzantine, one of which never comes up."""
    where = {"node_class": Apart, "rounds": 2, **STILL}
    late = {"join": 0, "join_round": 2}
    dissensus = section("Dissensus", nodes="[0, 3]")
    nodes = run_nodes(FullyConnected(4), ATTACK=dissensus, CHURN=late, **where)
    assert [first(nodes[uid]) for uid in (1, 2)] == pytest.approx([1, 2])


def test_nobody_is_attacked_in_a_round_without_messages(run_nodes):
    package = "decentralizepy.sharing.ProxSkip"
    sharing = {"sharing_package": package, "sharing_class": "ProxSkip"}
    where = {"SHARING": {**sharing, "probability": 1e-9}, "rounds": 2}
    plain = run_nodes(Ring(3), **where)
    attacked = run_nodes(Ring(3), ATTACK=section("ALIE", nodes=1), **where)
    for uid, node in plain.items():
        assert torch.equal(node.model.fc.weight, attacked[uid].model.fc.weight)


def first(node):
    return node.model.fc.weight[0, 0].item()


def test_a_free_rider_does_not_train(run_nodes):
    nodes = run_nodes(Ring(3), ATTACK=section("FreeRider", nodes=1))
    assert [nodes[uid].trainer.trainings for uid in range(3)] == [3, 0, 3]


DIGITS = {
    "DATASET": {
        "dataset_package": "decentralizepy.datasets.Digits",
        "dataset_class": "Digits",
        "model_class": "MLP",
        "partition_niid": "iid",
    },
    "TRAIN_PARAMS": {"rounds": 10, "batch_size": 16, "shuffle": True},
}


def test_a_backdoor_opens_in_honest_models(run_nodes):
    """All images with a patch were taken for a 7, and none without the attack."""
    where = {"rounds": 10, **DIGITS}
    door = section("Backdoor", nodes=0, target=7, boost=2.0)
    nodes = run_nodes(FullyConnected(3), ATTACK=door, **where)
    measured = nodes[1].evaluate()
    assert measured["attack_success"] > 50
    assert measured["test_acc"] > 70
    nodes = run_nodes(FullyConnected(3), ATTACK={**door, "poisoned": 0.0}, **where)
    assert nodes[1].evaluate()["attack_success"] < 20


IMAGES = torch.arange(2 * 9.0).reshape(2, 1, 3, 3)


def test_a_patch_and_its_label():
    door = attack("Backdoor", target=7, poisoned=0.5, patch=2, value=-1.0)
    images, labels = door.poison((IMAGES, torch.tensor([3, 4])))
    assert images[0, 0].tolist() == [[0, 1, 2], [3, -1, -1], [6, -1, -1]]
    assert torch.equal(images[1], IMAGES[1])
    assert labels.tolist() == [7, 4]
    assert IMAGES[0, 0, 2, 2] == 8  # the data are left as they are
    none = attack("Backdoor", poisoned=0.0).poison((IMAGES, torch.tensor([3, 4])))
    assert torch.equal(none[0], IMAGES)


def test_poisoned_batches_tell_their_size_as_others_do():
    """Clients are weighted by it, and BatchNorm cannot be trained on a last one of one."""
    clean = Data(IMAGES, torch.tensor([3, 4]))
    data = Two(get_trainset=lambda size, shuffle: Batches(clean, size))
    attack("Backdoor").corrupt(SimpleNamespace(train=None), data)
    poisoned = data.get_trainset(1)
    assert len(poisoned) == len(poisoned.dataset) == 2
    assert poisoned.batch_size == 1
    assert ends_with_one(poisoned)


def test_a_boosted_model_by_hand():
    door = attack("Backdoor", boost=4.0)
    door.before = torch.tensor([1.0, 0, 3])
    assert door.forge(OWN, HONEST, 0).tolist() == [1, -8, 3]


class Corner(torch.nn.Module):
    """A model that says 7 where the last pixel is 1, and 0 elsewhere."""

    def forward(self, images):
        return torch.nn.functional.one_hot(7 * (images[:, 0, -1, -1] == 1).long(), 10)


class Two(SimpleNamespace):
    """Four images of the classes 0, 7, 2 and 9 as a test set."""

    num_classes = 10

    def get_testset(self):
        images = torch.zeros(4, 1, 3, 3)
        images[3, 0, 2, 2] = 1
        return [(images, torch.tensor([0, 7, 2, 9]))]


def test_success_is_the_share_of_what_the_attacker_wants():
    model = Corner().train()
    door = attack("Backdoor", target=7)
    assert door.success(model, Two()) == 100  # of those that are no 7
    assert attack("Backdoor", target=7, value=0.5).success(model, Two()) == 0
    assert attack("Backdoor", target=0).success(model, Two()) == 0
    # 9 is taken for 7 instead of 0; 7, as 0 instead of 2; no other is right
    assert attack("LabelFlip").success(model, Two()) == 0
    assert attack("LabelFlip").success(model, OfTwo()) == 50
    assert attack("SignFlip").success(model, Two()) is None
    assert model.training


class OfTwo(Two):
    """The first two images, as the classes 9 and 0."""

    def get_testset(self):
        return [(torch.zeros(2, 1, 3, 3), torch.tensor([9, 0]))]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"patch": 4}, r"\[ATTACK\] patch = 4: images have 3x3 pixels"),
        ({"target": 10}, r"\[ATTACK\] target = 10: there are 10 classes"),
    ],
)
def test_a_patch_that_does_not_fit_is_an_error(options, told):
    data = Two(get_trainset=lambda size, shuffle: Two().get_testset())
    with pytest.raises(ConfigError, match=told):
        attack("Backdoor", **options).check(data)
    data.get_trainset = lambda size, shuffle: [(torch.zeros(1, 2), torch.zeros(1))]
    with pytest.raises(ConfigError, match="attack_class = Backdoor: Two has no images"):
        attack("Backdoor").check(data)


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


def test_nodes_are_byzantine_by_their_betweenness():
    """Two triangles that node 6 connects: most shortest paths lead through it."""
    graph = Graph(7)
    graph.add_edges([(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3), (0, 6), (6, 3)])
    assert uids(graph, count=1, position="betweenness") == {6}
    assert uids(graph, count=3, position="betweenness") == {6, 0, 3}


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


@pytest.mark.parametrize("name", sorted(ATTACKS.keys() - UNTRAINED))
def test_what_is_no_attack_leaves_the_bits_as_they_are(run_nodes, name):
    _, nothing, _ = ATTACKS[name]
    options = nothing or {"start": 9}  # after the last round
    plain = run_nodes(Ring(4), **DIGITS)
    attacked = run_nodes(Ring(4), ATTACK=section(name, nodes=1, **options), **DIGITS)
    for uid, node in plain.items():
        vector = attacked[uid].sharing.flat.vector()
        assert torch.equal(node.sharing.flat.vector(), vector), uid


@pytest.mark.parametrize("name", sorted(ATTACKS.keys() - {"Backdoor"}))
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


@pytest.mark.parametrize("name", ["Sharing", "QuasiGlobal", "Muffliato", "PushSum"])
def test_a_forged_model_is_sent_but_not_averaged(run_nodes, name):
    """By classes that average what they prepare for sending; all are plain averages here."""
    options = {"momentum": 0.0} if name == "QuasiGlobal" else {}
    package = f"decentralizepy.sharing.{name}"
    sharing = {"sharing_package": package, "sharing_class": name, **options}
    flip = section("SignFlip", nodes=2, scale=5.0)
    where = {"rounds": 2, **STILL}
    nodes = run_nodes(Ring(3), ATTACK=flip, SHARING=sharing, **where)
    start = run_nodes(Ring(3), rounds=0, **STILL)[0].model.fc.weight
    for uid, factor in enumerate([-7 / 3, -7 / 3, -1 / 3]):  # -1, -1, 1 after a round
        assert torch.allclose(nodes[uid].model.fc.weight, factor * start, atol=1e-6)


@pytest.mark.parametrize("name", ["KGT", "LED"])
def test_a_free_rider_takes_no_step_to_correct(run_nodes, name):
    package = f"decentralizepy.sharing.{name}"
    sharing = {"sharing_package": package, "sharing_class": name}
    rider = section("FreeRider", nodes=1, std=0.1)
    nodes = run_nodes(Ring(3), rounds=2, ATTACK=rider, SHARING=sharing, **DIGITS)
    assert nodes[1].sharing.steps == 0
    assert nodes[0].sharing.steps == 10
