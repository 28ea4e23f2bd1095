"""Breaks when the launcher averages other models than those that the nodes have."""

import torch

from decentralizepy.models.flat import tensors
from decentralizepy.node.round_models import RoundModels, waiting


class Mixed(torch.nn.Module):
    """Tensors of several types and shapes, whose rows do not end where a float may."""

    def __init__(self, value):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.full((2, 3), value))
        self.register_buffer("flags", torch.tensor([True, False, value > 1]))
        self.register_buffer("count", torch.tensor(int(value)))
        self.register_buffer("short", torch.full((5,), value, dtype=torch.bfloat16))
        self.register_buffer("wave", torch.tensor([value + 1j]))


def test_models_are_those_that_were_put_in_whatever_the_order(tmp_path):
    models, values = RoundModels(tmp_path, 7, 3), [0.5, 1.25, 3.0]
    for uid in (2, 0, 1):
        assert not any(each.complete() for each in waiting(tmp_path, 3))
        models.put(uid, Mixed(values[uid]))
    assert models.complete()
    found = [*models.states(tensors(Mixed(0.0)))]
    for value, state in zip(values, found, strict=True):
        expected = tensors(Mixed(value))
        assert state.keys() == expected.keys()
        for name, tensor in expected.items():
            assert state[name].dtype == tensor.dtype
            assert torch.equal(state[name], tensor)


def test_a_round_that_is_done_again_replaces_its_models(tmp_path):
    models = RoundModels(tmp_path, 1, 1)
    for value in (1.0, 2.0):
        models.put(0, Mixed(value))
    states = models.states(tensors(Mixed(0.0)))
    for _ in range(2):  # they are read twice: for the mean, and the distance from it
        assert [state["weight"][0, 0].item() for state in states] == [2.0]


def test_rounds_wait_in_order_until_they_are_removed(tmp_path):
    assert waiting(tmp_path, 1) == []
    for number in (10, 9, 100):
        RoundModels(tmp_path, number, 1).put(0, Mixed(1.0))
    found = waiting(tmp_path, 1)
    assert [models.number for models in found] == [9, 10, 100]
    found[0].remove()
    assert [models.number for models in waiting(tmp_path, 1)] == [10, 100]
