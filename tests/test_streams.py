"""Breaks when draws do not depend on seed and node, or do not use the common streams."""

import ast
import copy
import random
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from decentralizepy.graphs.FullyConnected import FullyConnected
from decentralizepy.graphs.RandomMatching import RandomMatching
from decentralizepy.mappings.Linear import Linear
from decentralizepy.node import process
from decentralizepy.node.ADPSGD import ADPSGD
from decentralizepy.node.EpidemicLearning import EL_Local_Timeout
from decentralizepy.node.EpidemicLearning.EL_Local import EL_Local
from decentralizepy.node.FederatedParameterServer import FederatedParameterServer
from decentralizepy.node.GossipLearning import GossipLearning
from decentralizepy.node.KFN import KFN
from decentralizepy.node.KNN import KNN
from decentralizepy.node.Node import Node
from decentralizepy.node.PENS import PENS
from decentralizepy.node.SkipTrain import SkipTrain
from decentralizepy.sharing.JWINS.JWINS import JWINS
from decentralizepy.sharing.PowerGossip import PowerGossip
from decentralizepy.sharing.QSGD import QSGD
from decentralizepy.sharing.RandomK import RandomK
from decentralizepy.sharing.SubSampling import SubSampling
from tests.support.rings import Counting, make_graph
from tests.support.toy import CONFIG, Points

NODES = 8
PACKAGE = Path(__file__).resolve().parent.parent / "decentralizepy"


def place(kind, seed, uid):
    """Return a node of a class, with data of a seed, that has not started."""
    node = kind.__new__(kind)
    node.uid, node.graph = uid, FullyConnected(NODES)
    node.dataset = SimpleNamespace(random_seed=seed)
    return node


def learner(kind):
    def draw(seed, uid):
        node = place(kind, seed, uid)
        node.init_node({})
        return tuple(node.rng.sample(range(1000), 8))

    return draw


def training(seed, uid):
    """Return some of the rounds in which a node trains."""
    node = place(SkipTrain, seed, uid)
    node.iterations = 400
    node.init_node({"training_budget": 60})
    return sorted(node.active)


def sharing(kind, draw, **options):
    def drawn(seed, uid):
        model, dataset = Counting(0), SimpleNamespace(random_seed=seed)
        parts = (uid, 0, None, Linear(1, NODES), make_graph(NODES), model, dataset, ".")
        return draw(kind(*parts, **options))

    return drawn


def alphas(node):
    return tuple(node._random.choice(range(1000)) for _ in range(8))


def bases(node):
    node.get_data_to_send()
    return tuple(node.bases[(node.uid + 1) % NODES][0].flatten().tolist())


def order(seed, uid):
    points = Points(uid, 0, Linear(1, NODES), random_seed=seed)
    return tuple(torch.randperm(64, generator=points.generator).tolist())


def own_process(seed, uid):
    """Return what foreign code and dropout draw in the process of a node."""
    node = place(Node, seed, uid)
    node.rank, node.machine_id, node.mapping = uid, 0, Linear(1, NODES)
    node.init_dataset_model({**CONFIG["DATASET"], "random_seed": seed})
    numbers = (torch.rand(3), np.random.rand(3), [random.random()])
    return tuple(float(each) for drawn in numbers for each in drawn)


PARTS = {
    "EL_Local": learner(EL_Local),
    "ADPSGD": learner(ADPSGD),
    "GossipLearning": learner(GossipLearning),
    "EL_Local_Timeout": learner(EL_Local_Timeout.EL_Local),
    "KNN": learner(KNN),
    "KFN": learner(KFN),
    "PENS": learner(PENS),
    "SkipTrain": lambda seed, uid: tuple(training(seed, uid)),
    "JWINS": sharing(JWINS, alphas),
    "QSGD": sharing(QSGD, lambda node: tuple(node._random.random(4))),
    "PowerGossip": sharing(PowerGossip, bases),
    "SubSampling": sharing(SubSampling, lambda node: (node.seed,)),
    "order of samples": order,
    "process": own_process,
}


@pytest.fixture
def own(monkeypatch):
    """Let this process pass for that of a node; give its generators back."""
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    monkeypatch.setattr(process, "is_own", lambda: True)
    yield
    random.setstate(states[0])
    np.random.set_state(states[1])
    torch.set_rng_state(states[2])


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize("draw", PARTS.values(), ids=PARTS)
def test_every_node_of_every_seed_draws_its_own(draw):
    """Seed 90 of node 4 is not seed 91 of node 3, and -90 is not 90."""
    keys = [(seed, uid) for seed in (-90, 90, 91, 92, 2**70) for uid in range(NODES)]
    drawn = [draw(*key) for key in keys]
    assert len(set(drawn)) == len(keys)
    assert [draw(*key) for key in keys] == drawn


def test_what_all_nodes_share_differs_by_the_seed_alone():
    entries = sharing(RandomK, lambda node: tuple(node.draw(7).tolist()), alpha=0.5)
    drawn = [[entries(seed, uid) for uid in range(NODES)] for seed in (-90, 90, 91)]
    assert [len(set(each)) for each in drawn] == [1, 1, 1]
    assert len({each[0] for each in drawn}) == 3


def test_a_servers_choice_differs_by_the_seed():
    def workers(seed):
        server = place(FederatedParameterServer, seed, -1)
        server.rank, server.machine_id, server.mapping = -1, 0, Linear(1, NODES)
        server.init_dataset_model({**CONFIG["DATASET"], "random_seed": seed})
        return tuple(server.rng.sample(range(1000), 8))

    assert len({workers(seed) for seed in range(90, 110)}) == 20


def test_a_matching_differs_by_its_seed():
    def pairs(seed):
        return str(RandomMatching(NODES, seed).at(3).adj_list)

    assert len({pairs(seed) for seed in (-1, 1, 2, 3)}) > 2


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize("seed", [-90, 90, 2**70])
def test_all_nodes_start_from_one_model(seed):
    """Public: initial weights follow from the seed alone, as torch draws them."""
    starts = []
    for uid in (0, 5):
        node = place(Node, seed, uid)
        node.rank, node.machine_id, node.mapping = uid, 0, Linear(1, NODES)
        node.init_dataset_model(
            {**copy.deepcopy(CONFIG["DATASET"]), "random_seed": seed}
        )
        starts.append(node.model.fc.weight.detach())
    torch.manual_seed(seed % 2**64)
    assert torch.equal(*starts)
    assert torch.equal(starts[0], torch.nn.Linear(4, 2).weight)


# what DecentralizePy promises for equal seeds, and what is no part of a run
PROMISED = {
    "datasets/MovieLens.py",
    "datasets/Partitioner.py",
    "datasets/leaf/dataset.py",
    "datasets/skewed_partitioners.py",
    "datasets/text/AmazonReview.py",
    "datasets/text/vader.py",
    "graphs/Regular.py",
}
MAKERS = {"Random", "RandomState", "SeedSequence", "default_rng", "manual_seed"}


def test_one_module_makes_streams():
    """Any other that makes a generator takes its seed from there, or from the public rule."""
    for path in PACKAGE.rglob("*.py"):
        name = path.relative_to(PACKAGE).as_posix()
        if name in PROMISED or "stand_in" in name or name == "randomness.py":
            continue
        tree = ast.parse(path.read_text())
        called = {
            getattr(node.func, "attr", getattr(node.func, "id", ""))
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
        }
        imported = {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            and node.module == "decentralizepy.randomness"
            for alias in node.names
        }
        if name == "sharing/SubSampling.py":  # seeds that travel in messages
            assert "derive_seed" in imported
        elif called & MAKERS:
            assert imported & {"derive_seed", "torch_seed"}, name
