"""Breaks when a receiver does not find the entries that were drawn, or draws others."""

import json
from collections import deque
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from decentralizepy.errors import PeerError
from decentralizepy.mappings.Linear import Linear
from decentralizepy.sharing.SubSampling import SubSampling
from tests.support.rings import Counting, Vector, deliver, make, make_graph, run


def pair(**options):
    models = [Vector(range(1, 5)), Vector([4, 4, 4, 4])]
    return make(SubSampling, models, **{"alpha": 0.5, **options})


def with_seed(random_seed, uid=0):
    place = (uid, 0, None, Linear(1, 2), make_graph(2), Vector([0] * 4))
    dataset = SimpleNamespace(random_seed=random_seed)
    return SubSampling(*place, dataset, ".", alpha=0.5)


def test_a_round_by_hand():
    """The mask is that of torch's generator; entries not drawn stay as they are."""
    sender, receiver = pair()
    message = sender.get_data_to_send()
    assert message.keys() == {"seed", "alpha", "params", "degree", "iteration"}
    generator = torch.Generator().manual_seed(message["seed"])
    mask = torch.rand(4, generator=generator) <= 0.5
    assert message["params"].tolist() == torch.arange(1.0, 5)[mask].tolist()
    receiver._averaging({0: deque([deliver(message)])})
    expected = torch.where(mask, (torch.arange(1.0, 5) + 4) / 2, 4)
    assert receiver.model.w.tolist() == expected.tolist()
    counter = sender.model.shared_parameters_counter
    assert counter.tolist() == mask.int().tolist()


def test_masks_are_reproducible_and_others_each_round_and_node():
    """The seed is the node's plus the round."""
    seeds = [with_seed(*place).seed for place in ((3, 0), (3, 0), (3, 1), (4, 0))]
    assert seeds[0] == seeds[1]
    assert len(set(seeds)) == 3
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert with_seed(-1).seed != with_seed(1).seed  # any whole number will do
    nodes = pair()
    run(nodes, 5)
    assert nodes[0].get_data_to_send()["seed"] == nodes[0].seed + 5


def test_alpha_is_the_share_that_is_sent():
    node, _ = make(SubSampling, [Vector(np.zeros(20_000))] * 2, alpha=0.3)
    share = len(node.get_data_to_send()["params"]) / 20_000
    assert share == pytest.approx(0.3, abs=5 * np.sqrt(0.3 * 0.7 / 20_000))


def test_layerwise_draws_tensor_by_tensor():
    """One stream of numbers, cut at the tensors; both ends draw alike."""
    nodes = make(SubSampling, [Counting(0), Counting(1)], alpha=0.5, layerwise=True)
    generator = torch.Generator().manual_seed(nodes[0].seed)
    masks = [torch.rand(n, generator=generator) <= 0.5 for n in nodes[0].lens]
    message = nodes[0].get_data_to_send()
    assert len(message["params"]) == sum(int(mask.sum()) for mask in masks)
    run(nodes)


def test_from_the_cap_on_the_whole_model_is_sent():
    for options in ({"alpha": 1.0}, {"metadata_cap": 0.5}):
        nodes = pair(**options)
        message = nodes[0].get_data_to_send()
        assert message.keys() == {"params", "degree", "iteration"}
        assert message["params"].tolist() == [1, 2, 3, 4]


def test_only_values_are_compressed():
    nodes = pair(
        compress=True,
        compression_package="decentralizepy.compression.EliasFpzip",
        compression_class="EliasFpzip",
    )
    message = nodes[0].get_data_to_send()
    assert message["params"].dtype == np.uint8
    assert type(message["seed"]) is int
    run(nodes)


def test_deserialized_model_has_ones_own_for_what_is_missing():
    sender, receiver = pair()
    message = sender.get_data_to_send()
    model = receiver.deserialized_model(message)["w"]
    places = sender.draw(message["seed"], 0.5)
    assert model[places].tolist() == message["params"].tolist()
    assert (model == 4).sum() >= 4 - len(places)


@pytest.mark.parametrize(
    "wrong",
    [
        {"seed": -1},
        {"seed": 2**64},
        {"seed": "x"},
        {"alpha": "x"},
        {"params": np.zeros(9, np.float32)},
    ],
    ids=str,
)
def test_a_message_that_makes_no_sense_is_named(wrong):
    sender, receiver = pair()
    message = {**sender.get_data_to_send(), **wrong}
    with pytest.raises(PeerError, match="uid 0 sent a model of round 0"):
        receiver._averaging({0: deque([message])})


def test_shared_entries_are_written(tmp_path):
    """The public system never does: its test of the rank is always true."""
    node, _ = pair(save_shared=True)
    node.log_dir = str(tmp_path)
    message = node.get_data_to_send()
    path = tmp_path / "shared_params" / "0" / "1_shared_params.json"
    written = json.loads(path.read_text())
    assert written["0"] == node.draw(message["seed"], 0.5).tolist()
