"""Breaks when a tensor that a model no longer has is taken for one of its own."""

import pytest
import torch

from decentralizepy.models._places import Places
from decentralizepy.models.flat import Flat


def make():
    model = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.BatchNorm1d(1))
    return model, Flat(model)


def replace_a_parameter(model):
    model[0].bias = torch.nn.Parameter(torch.tensor([5.0]))


def replace_a_layer(model):
    model[0] = torch.nn.Linear(2, 1)


def assign_a_state(model):
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.load_state_dict(state, assign=True)


def move_a_tensor(model):
    model[0].weight.data = torch.tensor([[7.0, 8.0]])


def fill_in_place(model):
    with torch.no_grad():
        model[0].weight.fill_(9)


def replace_a_buffer(model):
    model[1].num_batches_tracked = torch.tensor(3)


CHANGES = [
    replace_a_parameter,
    replace_a_layer,
    assign_a_state,
    move_a_tensor,
    fill_in_place,
    replace_a_buffer,
]


@pytest.mark.parametrize("change", CHANGES)
def test_the_vector_follows_whatever_becomes_of_the_model(change):
    model, flat = make()
    for _ in range(2):
        change(model)
        expected = [tensor.flatten().float() for tensor in model.state_dict().values()]
        assert torch.equal(flat.vector(), torch.cat(expected))
        assert model[0].weight.data_ptr() == flat.vector().data_ptr()


def test_tied_weights_are_followed_when_they_are_untied():
    model = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Linear(1, 1))
    model[1].weight = model[0].weight
    flat = Flat(model)
    own = model[0].weight.item()
    model[1].weight = torch.nn.Parameter(torch.tensor([[5.0]]))
    assert flat.vector()[[0, 2]].tolist() == [own, 5]


def test_a_model_that_stays_is_gone_through_once(monkeypatch):
    model, flat = make()
    monkeypatch.setattr(model, "state_dict", lambda **_: pytest.fail("went through"))
    flat.vector()
    flat.load(flat.unflatten(torch.ones(8)))
    assert flat.vector().tolist() == [1] * 8


def test_a_new_parameter_or_module_does_not_go_unnoticed():
    model, _ = make()
    for name, new in (("extra", torch.nn.Parameter(torch.ones(1))), ("new", make()[0])):
        places = Places(model, model.parameters())
        assert places.hold()
        setattr(model, name, new)
        assert not places.hold()


def test_a_tensor_that_no_module_keeps_is_looked_for_every_time():
    model, _ = make()
    assert not Places(model, [*model.parameters(), torch.ones(1)]).hold()
