"""Breaks when a model, its optimizer and its batches are not where they should be."""

import pytest
import torch

from decentralizepy.errors import ConfigError
from decentralizepy.training import _device

CPU, META = torch.device("cpu"), torch.device("meta")


@pytest.fixture
def kept_parameters():
    """Modules keep their parameter objects on the way to any device, as to a GPU."""
    before = torch.__future__.get_swap_module_params_on_conversion()
    torch.__future__.set_swap_module_params_on_conversion(True)
    yield
    torch.__future__.set_swap_module_params_on_conversion(before)


@pytest.fixture
def gpus(monkeypatch):
    """A machine with two GPUs, as far as asking for them goes."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.mark.parametrize(
    "name", ["gpu", "cuda:", "cuda:x", "cuda:-1", "CPU", "", "cpu:0"]
)
def test_a_name_that_is_none_is_told_the_names(name):
    with pytest.raises(ConfigError) as caught:
        _device.check_name(name)
    assert str(caught.value) == (
        f"[TRAIN_PARAMS] device = {name}: expected cpu, cuda, cuda:N or auto"
    )


@pytest.mark.usefixtures("gpus")
def test_auto_spreads_nodes_over_the_gpus():
    found = [str(_device.find("auto", rank)) for rank in range(4)]
    assert found == ["cuda:0", "cuda:1", "cuda:0", "cuda:1"]


@pytest.mark.usefixtures("gpus")
def test_a_named_gpu_is_every_nodes():
    assert str(_device.find("cuda", 1)) == "cuda:0"
    assert str(_device.find("cuda:1", 0)) == "cuda:1"
    with pytest.raises(ConfigError, match=r"cuda:2: there is cuda:0, cuda:1 on"):
        _device.find("cuda:2", 0)


@pytest.mark.usefixtures("no_gpu")
def test_without_a_gpu_auto_is_the_cpu_and_cuda_an_error():
    assert _device.find("auto", 3) == CPU
    for name in ("cuda", "cuda:0"):
        with pytest.raises(ConfigError, match=f"device = {name}: there is no CUDA"):
            _device.find(name, 0)


def test_the_cpu_is_found_without_a_look_at_cuda(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: pytest.fail("looked"))
    assert _device.find("cpu", 0) == CPU


@pytest.mark.usefixtures("kept_parameters")
@pytest.mark.parametrize("name", ["SGD", "Adam", "Adagrad"])
def test_what_an_optimizer_keeps_moves_with_the_model(name):
    model = torch.nn.Linear(2, 1)
    optimizer = getattr(torch.optim, name)(model.parameters(), lr=0.1)
    _device.move(model, optimizer, META)
    assert _device.of(model) == META
    assert optimizer.param_groups[0]["params"][0] is model.weight
    sums = [state["sum"] for state in optimizer.state.values() if "sum" in state]
    assert all(each.device == META for each in sums)
    assert len(sums) == (2 if name == "Adagrad" else 0)


def test_the_default_leaves_a_model_where_it_was_made():
    model = torch.nn.Linear(2, 1, device=META)
    _device.move(model, torch.optim.SGD(model.parameters(), lr=0.1), CPU)
    assert _device.of(model) == META


def test_a_model_without_parameters_is_on_the_cpu():
    assert _device.of(torch.nn.ReLU()) == CPU


def test_nothing_is_copied_on_the_cpu():
    images = torch.zeros(2, 3, 4, 4).to(memory_format=torch.channels_last)
    for memory_format in (None, torch.channels_last):
        assert _device.place(images, CPU, memory_format) is images
    assert _device.place({"x": images}, CPU, None)["x"] is images


def test_tensors_move_alone_or_in_a_dict_and_nothing_else_does():
    tensor = torch.zeros(2)
    assert _device.place(tensor, META, None).device == META
    assert _device.place({"x": tensor}, META, None)["x"].device == META
    assert _device.place("text", META, None) == "text"


def test_the_layout_is_that_of_images_alone():
    images, rows = torch.zeros(2, 3, 4, 4), torch.zeros(2, 3)
    placed = _device.place(images, CPU, torch.channels_last)
    assert placed.is_contiguous(memory_format=torch.channels_last)
    assert not placed.is_contiguous()
    assert _device.place(rows, CPU, torch.channels_last) is rows
    assert _device.place(placed, CPU, torch.contiguous_format).is_contiguous()
