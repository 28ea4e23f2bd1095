"""Breaks when the vector and the model tell different numbers."""

import pytest
import torch

from decentralizepy.models.flat import Flat, to_tensor


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


def test_a_read_only_array_is_copied():
    array = torch.ones(2).numpy()
    to_tensor(array)[0] = 5
    assert array[0] == 5
    array.flags.writeable = False
    to_tensor(array)[0] = 6
    assert array[0] == 5
