"""Breaks when a node that goes on from a checkpoint is not the node that was stopped."""

import random
from collections import deque

import numpy as np
import pytest
import torch

from decentralizepy.checkpoints import Checkpoints, newest_common
from decentralizepy.config.run_section import RunSection
from decentralizepy.errors import ConfigError
from decentralizepy.graphs.FullyConnected import FullyConnected
from decentralizepy.graphs.Ring import Ring
from decentralizepy.node._identity import differences
from decentralizepy.node._state import attributes, pack, put, restore, unpack
from decentralizepy.node.DPSGDNode import DPSGDNode
from decentralizepy.node.DPSGDNodeFederated import DPSGDNodeFederated
from decentralizepy.node.EpidemicLearning.EL_Local import EL_Local
from decentralizepy.node.FederatedParameterServer import FederatedParameterServer
from decentralizepy.node.KNN import KNN
from decentralizepy.node.STC.STCClient import STCClient
from decentralizepy.node.STC.STCServer import STCServer
from tests.support.launcher import results

ROUNDS, STOP = 8, 5

SHARINGS = {
    "Sharing": {},
    "PlainAverageSharing": {},
    "PartialModel": {"alpha": 0.3, "accumulation": True},
    "SubSampling": {"alpha": 0.5},
    "RandomK": {"alpha": 0.5},
    "Choco": {"alpha": 0.4, "step_size": 0.5},
    "QSGD": {},
    "SignError": {},
    "PowerGossip": {},
    "PushSum": {},
    "JWINS.Wavelet": {"alpha": 0.4, "accumulation": True},
    "JWINS.FFT": {"alpha": 0.4},
    "JWINS.JWINS": {"accumulation": True, "accumulate_averaging_changes": True},
}


def sharing(name):
    return {
        "sharing_package": f"decentralizepy.sharing.{name}",
        "sharing_class": name.split(".")[-1],
        **SHARINGS.get(name, {}),
    }


def same(nodes, others):
    for uid, node in nodes.items():
        own, other = node.model.state_dict(), others[uid].model.state_dict()
        assert all(torch.equal(own[name], other[name]) for name in own), f"uid {uid}"
        assert node.communication.total_bytes == others[uid].communication.total_bytes


def stopped_and_gone_on_with(run_nodes, graph, options, first=STOP, **sections):
    """Return the nodes of a run of ROUNDS, and of one that was stopped in between."""
    optimizer = {"optimizer_class": "Adam", "lr": 0.05}
    sections = {"OPTIMIZER_PARAMS": optimizer, **sections}
    whole = run_nodes(graph, rounds=ROUNDS, **options, **sections)
    expected = results(run_nodes.folder)
    kept = {"RUN": {"checkpoint_every": 1}}
    run_nodes(graph, rounds=STOP + 1, **options, **sections, **kept)
    again = {"RUN": RunSection({}, first_round=first, checkpoint_every=1)}
    resumed = run_nodes(graph, rounds=ROUNDS, **options, **sections, **again)
    assert results(run_nodes.folder) == expected
    return whole, resumed


@pytest.mark.parametrize("name", SHARINGS)
def test_every_sharing_goes_on_bit_by_bit(run_nodes, name):
    same(*stopped_and_gone_on_with(run_nodes, Ring(4), {}, SHARING=sharing(name)))


@pytest.mark.parametrize(
    ("node", "server", "algorithm"),
    [
        (DPSGDNode, None, "Sharing"),
        (EL_Local, None, "Sharing"),
        (DPSGDNodeFederated, FederatedParameterServer, "Sharing"),
        (STCClient, STCServer, "STC"),
    ],
)
def test_every_kind_of_node_goes_on_bit_by_bit(run_nodes, node, server, algorithm):
    options = {"node_class": node}
    if server:
        some = (str(run_nodes.folder), 20, 10, 1, 0.5)
        options |= {"service_class": server, "service_options": some}
    section = sharing(algorithm) | ({"alpha": 0.3} if algorithm == "STC" else {})
    same(
        *stopped_and_gone_on_with(
            run_nodes, FullyConnected(4), options, SHARING=section
        )
    )


def test_an_overlay_stays_as_it_was_built(run_nodes):
    graph, section = FullyConnected(5), {"k": 2, "gossip_rounds": 3}
    kept = {"checkpoint_every": 1}
    first = run_nodes(graph, KNN, rounds=3, NODE=section, RUN=kept)
    edges = {uid: node.my_neighbors for uid, node in first.items()}
    again = RunSection({}, first_round=2, checkpoint_every=1)
    second = run_nodes(graph, KNN, rounds=4, NODE=section, RUN=again)
    assert {uid: node.my_neighbors for uid, node in second.items()} == edges


def test_a_checkpoint_of_another_run_is_refused(run_nodes):
    run_nodes(Ring(3), rounds=2, RUN={"checkpoint_every": 1})
    again = RunSection({}, first_round=1)
    with pytest.raises(ConfigError, match=r"another \[TRAIN_PARAMS\]$"):
        run_nodes(Ring(3), rounds=2, RUN=again, TRAIN_PARAMS={"rounds": 5})


def test_only_as_many_checkpoints_are_kept_as_may_be_needed(run_nodes):
    run_nodes(Ring(4), rounds=9, RUN={"checkpoint_every": 2})
    # two nodes of a ring of 4 are two rounds apart at most
    assert Checkpoints(str(run_nodes.folder), 0).rounds() == [4, 6, 8]


def test_the_newest_round_that_all_have_whole_counts(tmp_path):
    nodes = [Checkpoints(str(tmp_path), rank) for rank in range(3)]
    for node in nodes:
        for number in (2, 4, 6):
            node.write(number, {}, {"x": torch.ones(5)}, kept=9)
    assert newest_common(str(tmp_path), range(3)) == 6
    nodes[0].path(6).unlink()
    torn = nodes[2].path(4)
    torn.write_bytes(torn.read_bytes()[:-3])
    assert newest_common(str(tmp_path), range(3)) == 2
    assert newest_common(str(tmp_path), range(4)) == 0
    with pytest.raises(ConfigError, match=r"4\.safetensors: damaged"):
        nodes[2].read(4)


def test_every_kind_of_state_comes_back(tmp_path):
    rng, numbers = random.Random(1), np.random.default_rng(2)
    torches = torch.Generator().manual_seed(3)
    state = {
        3: {1, 2},
        "d": deque([(1.5, None)], maxlen=4),
        "a": np.arange(3),
        "t": torch.arange(4.0),
        "n": np.float32(0.5),
        "inf": float("inf"),
    }
    kept = Checkpoints(str(tmp_path), 0)
    tensors = {}
    form = pack([state, rng, numbers, torches], tensors)
    kept.write(1, form, tensors, kept=1)
    drawn = rng.random(), numbers.random(), torch.rand(1, generator=torches)
    back, *states = unpack(*kept.read(1))
    assert back[3] == {1, 2}
    assert back["d"] == state["d"]
    assert np.array_equal(back["a"], np.arange(3))
    assert torch.equal(back["t"], state["t"])
    assert (back["n"], back["inf"]) == (0.5, float("inf"))
    for generator, saved in zip((rng, numbers, torches), states, strict=True):
        put(generator, saved)
    assert drawn == (rng.random(), numbers.random(), torch.rand(1, generator=torches))


def test_two_names_of_a_tensor_stay_names_of_one():
    class Part:
        pass

    part, tensors = Part(), {}
    part.one = part.other = torch.ones(3)
    part.file = open  # no state
    form = attributes(part, tensors, "part")
    part.one.zero_()
    restore(part, form, tensors)
    assert part.one is part.other
    assert part.one.tolist() == [1, 1, 1]
    assert "file" not in form


def test_what_differs_is_named():
    mine = {"protocol": 1, "[SHARING]": 7, "the round to start from": None}
    assert differences(mine, [1, 7, 3]) == []
    assert differences(mine, [1, 8, None]) == ["[SHARING]"]
    assert differences(mine, [1]) == ["protocol"]
    assert differences(mine, "nonsense") == []
