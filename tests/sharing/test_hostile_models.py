"""Models that do not fit: breaks when one node's nonsense becomes part of another node's model."""

import math
from collections import deque

import numpy as np
import pytest
import torch

from decentralizepy.errors import NodeFailed, PeerError
from decentralizepy.sharing.Choco import Choco
from decentralizepy.sharing.JWINS.JWINS import JWINS
from decentralizepy.sharing.PartialModel import PartialModel
from decentralizepy.sharing.PowerGossip import PowerGossip
from decentralizepy.sharing.PushSum import PushSum
from decentralizepy.sharing.QSGD import QSGD
from decentralizepy.sharing.RandomK import RandomK
from decentralizepy.sharing.Sharing import Sharing
from decentralizepy.sharing.SignError import SignError
from decentralizepy.sharing.SubSampling import SubSampling
from tests.support.rings import Vector, deliver, make

BAD = [math.nan, math.inf, -math.inf]
STEPS = {"step_size": 0.5}
# sharing, its options, the fields that its messages must have
FIELDS = [
    (Sharing, {}, ["params", "degree"]),
    (PartialModel, {"alpha": 0.5}, ["params", "degree"]),
    (SubSampling, {"alpha": 0.5}, ["params", "alpha"]),
    (RandomK, {"alpha": 0.5}, ["params", "round"]),
    (JWINS, {}, ["params"]),
    (Choco, {**STEPS, "alpha": 0.5}, ["params", "indices"]),
    (QSGD, {}, ["params", "norms"]),
    (SignError, {}, ["params", "scales"]),
    (PowerGossip, {}, ["params", "uid"]),
    (PushSum, {}, ["params", "push_weight"]),
]
MISSING = [(*case, field) for *case, fields in FIELDS for field in fields]
NONSENSE = [None, "text", [1, [2]], {}, b"x", -1, 2**80, {1}]


def three(sharing=Sharing, **options):
    """Return three nodes, all neighbors, with models [uid, 10 uid, 1, 1]."""
    models = [Vector([uid, 10 * uid, 1, 1]) for uid in range(3)]
    return make(sharing, models, **options)


def messages(nodes):
    return {node.uid: deliver(node.get_data_to_send()) for node in nodes}


def average(nodes, sent, **changes):
    """Average at node 0, with ``changes`` to the message of node 1."""
    sent = {**sent, 1: {**sent[1], **changes}}
    nodes[0]._averaging({uid: deque([sent[uid]]) for uid in (1, 2)})


def array(*values, dtype=np.float32):
    return np.array(values, dtype)


@pytest.mark.parametrize("bad", BAD)
def test_a_model_that_is_not_finite_ends_the_run_and_names_its_sender(bad):
    nodes = three()
    sent = messages(nodes)
    with pytest.raises(
        PeerError, match=r"uid 1 .* NaN or infinity in round 1"
    ) as raised:
        average(nodes, sent, params=array(1, bad, 1, 1))
    assert raised.value.exit_status == 3


@pytest.mark.parametrize("bad", BAD)
def test_it_can_be_dropped_and_its_weight_stays_at_home(bad):
    nodes = three()
    nodes[0].nonfinite = "drop"
    average(nodes, messages(nodes), params=array(1, bad, 1, 1))
    # 2/3 of node 0 and 1/3 of node 2
    assert torch.allclose(nodes[0].model.w, torch.tensor([2 / 3, 20 / 3, 1, 1]))


def test_a_sharing_that_remembers_its_peers_cannot_drop_a_message():
    nodes = three(PushSum)
    nodes[0].nonfinite = "drop"
    with pytest.raises(PeerError, match=r"uid 1"):
        average(nodes, messages(nodes), params=array(1, math.nan, 1, 1))


def test_it_can_be_kept():
    nodes = three()
    nodes[0].nonfinite = "keep"
    average(nodes, messages(nodes), params=array(1, math.nan, 1, 1))
    assert torch.isnan(nodes[0].model.w).tolist() == [False, True, False, False]


def test_what_is_large_and_finite_is_averaged():
    """Whether it is nonsense is a question for robust aggregation, not for this check."""
    nodes = three()
    average(nodes, messages(nodes), params=array(1, 1e38, 1, 1))
    assert nodes[0].model.w[1].item() == pytest.approx(1e38 / 3, rel=1e-6)


def test_a_model_that_training_broke_is_its_own_nodes_fault():
    """Else the neighbors of the culprit would be blamed, or its next victims."""
    nodes = three()
    with torch.no_grad():
        nodes[0].model.w[2] = math.nan
    with pytest.raises(NodeFailed, match=r"uid 0: its own model has NaN .* round 1"):
        average(nodes, messages(nodes))


@pytest.mark.parametrize(
    ("sharing", "options"),
    [
        (JWINS, {"alpha_list": "[1.0]"}),
        (Choco, {"step_size": 0.5, "alpha": 0.5}),
        (PushSum, {}),
    ],
)
def test_every_sharing_looks_at_what_it_takes_in(sharing, options):
    nodes = three(sharing, **options)
    sent = messages(nodes)
    params = np.array(sent[1]["params"])
    params.flat[0] = math.nan
    with pytest.raises(PeerError, match=r"uid 1"):
        average(nodes, sent, params=params)


@pytest.mark.parametrize(
    "params",
    [
        array(1, 2, 3),
        array(1, 2, 3, 4, 5),
        array(1, 2, 3, 4).reshape(2, 2),
        array(),
        "text",
        None,
        {"w": array(1, 2, 3, 4)},
        [],
    ],
)
def test_a_model_of_another_shape_is_named(params):
    nodes = three()
    with pytest.raises(PeerError, match=r"uid 1 .* does not fit"):
        average(nodes, messages(nodes), params=params)


@pytest.mark.parametrize("dtype", [">f4", "?", "c8"])
def test_a_model_of_other_numbers_is_named(dtype):
    """Among them another byte order, in which the same bytes are other numbers."""
    nodes = three()
    with pytest.raises(PeerError, match=r"uid 1 .* does not fit"):
        average(nodes, messages(nodes), params=array(1, 2, 3, 4, dtype=dtype))


@pytest.mark.parametrize("dtype", ["f8", "f2", "i4", "u1"])
def test_a_model_of_another_type_counts_by_its_numbers(dtype):
    nodes = three()
    average(nodes, messages(nodes), params=array(1, 10, 1, 1, dtype=dtype))
    assert torch.allclose(nodes[0].model.w, torch.tensor([1.0, 10, 1, 1]))


@pytest.mark.parametrize("degree", [-1, 3, 10**9, 1.5, True, "x", [2], math.nan])
def test_a_degree_that_cannot_be_is_named(degree):
    nodes = three()
    with pytest.raises(
        PeerError, match=r"uid 1 .* degree: .* whole number from 0 to 2"
    ):
        average(nodes, messages(nodes), degree=degree)


@pytest.mark.parametrize("degree", [0, 1])
def test_where_degrees_are_static_a_degree_must_be_its(degree):
    nodes = three()
    sent = messages(nodes)
    nodes[0].degrees_are_static = True
    with pytest.raises(PeerError, match=f"uid 1 .* degree: {degree}, .* graph says 2"):
        average(nodes, sent, degree=degree)
    nodes = three()
    nodes[0].degrees_are_static = True
    average(nodes, sent)
    assert torch.allclose(nodes[0].model.w, torch.tensor([1.0, 10, 1, 1]))


@pytest.mark.parametrize(("sharing", "options", "key"), MISSING)
def test_a_field_that_is_missing_or_nonsense_is_named(sharing, options, key):
    for value in NONSENSE:
        nodes = three(sharing, **options)
        with pytest.raises(PeerError, match=r"uid 1 .* does not fit"):
            average(nodes, messages(nodes), **{key: value})
    nodes = three(sharing, **options)
    sent = messages(nodes)
    del sent[1][key]
    with pytest.raises(PeerError, match=rf"uid 1 .* does not fit .*{key}"):
        average(nodes, sent)


@pytest.mark.parametrize(
    "error", [ValueError, KeyError, TypeError, AttributeError, RuntimeError]
)
@pytest.mark.parametrize("method", ["weight", "deserialized_model", "pull"])
def test_a_bug_in_a_subclass_is_not_its_peers_fault(error, method):
    def broken(*args):
        raise error("a bug")

    nodes = three()
    setattr(nodes[0], method, broken)
    with pytest.raises(error, match="a bug"):
        average(nodes, messages(nodes))


@pytest.mark.parametrize("method", ["weight", "deserialized_model"])
def test_nan_out_of_a_subclass_is_not_its_peers_fault(method):
    nan = {
        "weight": math.nan,
        "deserialized_model": {"w": torch.full((4,), math.nan)},
    }
    nodes = three()
    setattr(nodes[0], method, lambda *args: nan[method])
    text = "uid 0: averaging gave NaN .* in round 1, .* the fault is in Sharing"
    with pytest.raises(NodeFailed, match=text):
        average(nodes, messages(nodes))
