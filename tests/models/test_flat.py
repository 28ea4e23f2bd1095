"""Breaks when the vector and the model tell different numbers."""

from copy import deepcopy

import pytest
import torch

from decentralizepy.errors import NodeFailed
from decentralizepy.models.flat import Flat, to_tensor
from decentralizepy.models.views import copy_of, vector_of


@pytest.fixture
def model():
    model = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.BatchNorm1d(1))
    state = {
        "0.weight": torch.tensor([[1.0, 2.0]]),
        "0.bias": torch.tensor([3.0]),
        "1.weight": torch.tensor([4.0]),
        "1.bias": torch.tensor([5.0]),
        "1.running_mean": torch.tensor([6.0]),
        "1.running_var": torch.tensor([7.0]),
        "1.num_batches_tracked": torch.tensor(8),
    }
    model.load_state_dict(state)
    return model


def test_the_vector_is_the_state_in_its_order(model):
    flat = Flat(model)
    assert flat.vector().tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    assert flat.names[0] == "0.weight"
    assert (flat.lens, flat.size) == ([2, 1, 1, 1, 1, 1, 1], 8)


def test_training_moves_the_vector_without_a_copy(model):
    flat = Flat(model)
    before = flat.vector().data_ptr()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    model[0](torch.ones(1, 2)).sum().backward()
    optimizer.step()
    assert flat.vector().tolist()[:3] == [0, 1, 2]
    assert flat.vector().data_ptr() == before == model[0].weight.data_ptr()


def test_batch_norm_counts_and_statistics_are_followed(model):
    flat = Flat(model)
    model.train()
    model[1](torch.tensor([[1.0], [3.0]]))
    assert flat.vector()[-1] == 9
    assert flat.vector()[5] == pytest.approx(0.9 * 6 + 0.1 * 2)


def test_loading_writes_every_entry(model):
    flat = Flat(model)
    flat.load(flat.unflatten(torch.arange(8.0)))
    assert flat.vector().tolist() == list(range(8))
    assert model[1].num_batches_tracked == torch.tensor(7)
    assert model[1].num_batches_tracked.dtype == torch.int64


def test_load_state_dict_and_new_storage_are_followed(model):
    flat = Flat(model)
    model.load_state_dict({**model.state_dict(), "0.bias": torch.tensor([30.0])})
    assert flat.vector()[2] == 30
    model[0].weight.data = torch.tensor([[10.0, 20.0]])
    assert flat.vector().tolist()[:2] == [10, 20]
    assert model[0].weight.data_ptr() == flat.vector().data_ptr()


def test_shared_parameters_stay_shared():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    model[1].weight = model[0].weight
    flat = Flat(model)
    vector = flat.vector().clone()
    assert torch.equal(vector[:4], vector[6:10])
    flat.load(flat.unflatten(torch.ones(12)))
    assert model[0].weight is model[1].weight
    assert flat.vector().tolist() == [1.0] * 12


def test_tensors_of_another_type_are_copied_in_and_out():
    model = torch.nn.Linear(2, 1).double()
    flat = Flat(model)
    flat.load(flat.unflatten(torch.tensor([1.0, 2.0, 3.0])))
    assert model.weight.tolist() == [[1, 2]]
    assert model.weight.dtype == torch.float64
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    model(torch.ones(1, 2).double()).sum().backward()
    optimizer.step()
    assert flat.vector().tolist() == [0, 1, 2]
    assert flat.vector().dtype == torch.float32


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_vector_of_a_model_on_a_gpu_is_on_the_cpu():
    model = torch.nn.Linear(2, 1).cuda()
    flat = Flat(model)
    flat.load(flat.unflatten(torch.tensor([1.0, 2.0, 3.0])))
    assert flat.vector().tolist() == [1, 2, 3]
    assert flat.vector().device.type == "cpu"
    assert model.weight.device.type == "cuda"


def test_another_length_is_refused(model):
    with pytest.raises(ValueError, match=r"\(7,\) numbers for a model of 8"):
        Flat(model).unflatten(torch.zeros(7))


def test_tensors_are_cut_from_the_vector_when_one_is_read(monkeypatch):
    flat, cuts = Flat(torch.nn.Linear(2, 1)), []
    cut = flat.cut
    monkeypatch.setattr(flat, "cut", lambda vector: cuts.append(1) or cut(vector))
    views = flat.unflatten(torch.arange(3.0))
    flat.load(views)
    flat.load(copy_of(views))
    assert not cuts
    assert views["bias"].tolist() == [2]
    assert list(views) == flat.names
    assert len(cuts) == 1


def test_a_tensor_changed_in_place_changes_the_vector(model):
    flat = Flat(model)
    views = flat.unflatten(torch.zeros(8))
    views["0.weight"] += 5
    views["1.bias"].fill_(7)
    assert vector_of(views).tolist() == [5, 5, 0, 0, 7, 0, 0, 0]


@pytest.mark.parametrize("how", ["replaced", "merged", "copied"])
def test_a_replaced_tensor_is_loaded_and_not_the_one_in_the_vector(model, how):
    flat = Flat(model)
    views, new = flat.unflatten(torch.zeros(8)), torch.tensor([30.0])
    match how:
        case "replaced":
            views["0.bias"] = new
        case "merged":
            views = views | {"0.bias": new}
        case "copied":
            views = views.copy()
            views["0.bias"] = new
    assert vector_of(views) is None
    for state in (views, copy_of(views)):
        flat.load(flat.unflatten(torch.ones(8)))
        flat.load(state)
        assert flat.vector().tolist() == [0, 0, 30, 0, 0, 0, 0, 0]


def test_a_tensor_that_is_gone_is_missed(model):
    flat = Flat(model)
    views = flat.unflatten(torch.zeros(8))
    del views["0.bias"]
    with pytest.raises(KeyError):
        flat.load(views)


@pytest.mark.parametrize("how", [copy_of, deepcopy])
def test_a_copy_is_independent(model, how):
    flat = Flat(model)
    views = flat.unflatten(torch.zeros(8))
    copy = how(views)
    assert copy.cut == views.cut  # the model is not copied
    vector_of(views).fill_(1)
    assert vector_of(copy).tolist() == [0] * 8
    assert copy["0.bias"].tolist() == [0]


def test_a_read_only_array_is_copied():
    array = torch.ones(2).numpy()
    to_tensor(array)[0] = 5
    assert array[0] == 5
    array.flags.writeable = False
    to_tensor(array)[0] = 6
    assert array[0] == 5


class Odd(torch.nn.Module):
    """A parameter, and what a float32 vector cannot hold beside it."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor([1.0]))
        mask = torch.tensor([[0.0, -torch.inf], [0.0, 0.0]])
        self.register_buffer("mask", mask)
        self.register_buffer("unknown", torch.tensor([torch.nan, 5.0]))
        self.register_buffer("steps", torch.tensor([2**24 + 1, 7]))
        self.register_buffer("fine", torch.tensor([0.1], dtype=torch.float64))
        self.register_buffer("large", torch.tensor([1e300], dtype=torch.float64))


def averaged(flat, other):
    """Return the mean with another vector, taken as sharing takes it."""
    own = flat.vector()
    return flat.unflatten(own + 0.5 * (other - own))


def test_buffers_that_are_equal_on_all_nodes_stay_as_they_are():
    """Breaks when a mask becomes NaN, or a counter or a double is rounded."""
    model = Odd()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    flat = Flat(model)
    assert flat.vector().isfinite().all(), "a mask is no divergence"
    theirs = Flat(Odd()).vector().clone()
    theirs[0] = 3
    flat.load(averaged(flat, theirs))
    assert model.weight.tolist() == [2]
    for name in before.keys() - {"weight"}:
        torch.testing.assert_close(
            model.state_dict()[name], before[name], rtol=0, atol=0, equal_nan=True
        )


def test_the_finite_entries_of_a_mask_are_averaged():
    flat = Flat(Odd())
    theirs = flat.vector().clone()
    theirs[1] = 4
    theirs[6] = 7
    flat.load(averaged(flat, theirs))
    assert flat.model.mask.tolist() == [[2, -torch.inf], [0, 0]]
    assert flat.model.unknown.isnan().tolist() == [True, False]
    assert flat.model.unknown[1] == 6


def test_a_buffer_that_becomes_infinite_is_seen():
    """Breaks when a divergence passes for a mask."""
    flat = Flat(Odd())
    flat.model.mask[0, 0] = torch.inf
    flat.model.unknown[1] = torch.nan
    assert flat.vector()[[1, 6]].isfinite().tolist() == [False, False]
    flat.model.mask[0, 1] = 8.0
    assert flat.vector()[2] == 8, "a running minimum that is known by now"


def test_small_counters_that_differ_are_rounded():
    flat = Flat(Odd())
    theirs = flat.vector().clone()
    theirs[8] = 10
    flat.load(averaged(flat, theirs))
    assert flat.model.steps.tolist() == [2**24 + 1, 8]


def test_large_counters_that_differ_are_refused():
    flat = Flat(Odd())
    flat.model.steps[0] = 2**24 + 3
    theirs = flat.vector().clone()
    theirs[7] = 2**25
    with pytest.raises(NodeFailed, match="steps of the model holds whole numbers"):
        flat.load(averaged(flat, theirs))


def test_complex_parameters_keep_both_parts():
    model = torch.nn.ParameterDict({"a": torch.zeros(1), "c": torch.tensor([1 + 2j])})
    flat = Flat(model)
    assert flat.vector().tolist() == [0, 1, 2]
    assert (flat.lens, flat.size) == ([1, 2], 3)
    flat.load(averaged(flat, torch.tensor([0.0, 3.0, 8.0])))
    assert model["c"].tolist() == [2 + 5j]
    state = flat.unflatten(torch.tensor([1.0, 2.0, 3.0]))
    assert state["c"].tolist() == [[2, 3]]
    assert flat.flatten(state).tolist() == [1, 2, 3]


def test_doubles_keep_their_digits_where_nothing_moves():
    model = torch.nn.ParameterList([torch.tensor([0.1, 0.2], dtype=torch.float64)])
    flat = Flat(model)
    theirs = flat.vector().clone()
    theirs[1] = 0.5
    flat.load(averaged(flat, theirs))
    assert model[0].tolist() == [0.1, pytest.approx(0.35)]
