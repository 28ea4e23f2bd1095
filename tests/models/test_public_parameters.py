"""Saved weights of DecentralizePy load into these models: names, order and shapes.

``parameters.json`` lists what the ``state_dict`` of each of its models holds.
"""

import importlib
import json
from pathlib import Path

import pytest
import torch

LISTED = json.loads(Path(__file__).with_name("parameters.json").read_text())


def make(name, *args, **options):
    module, class_name = name.split(".")
    package = importlib.import_module(f"decentralizepy.datasets.{module}")
    return getattr(package, class_name)(*args, **options)


@pytest.mark.parametrize("name", LISTED)
def test_names_order_and_shapes_are_those_of_saved_files(name):
    """Breaks when a .pt file of DecentralizePy no longer loads, or a vector is permuted."""
    state = make(name).state_dict()
    assert {key: list(value.shape) for key, value in state.items()} == LISTED[name]
    assert list(state) == list(LISTED[name])


@pytest.mark.parametrize("name", ["CIFAR10.ResNet8", "Shakespeare.LSTM", "Reddit.RNN"])
def test_a_saved_file_changes_every_parameter(name, tmp_path):
    saved = {key: torch.full(shape, 0.5) for key, shape in LISTED[name].items()}
    torch.save(saved, tmp_path / "3_weight_0.pt")
    model = make(name)
    model.load_weights(tmp_path / "3_weight_0.pt")
    assert all((parameter == 0.5).all() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("name", "parameter", "first"),
    [
        (
            "CIFAR10.ResNet8",
            "layer2.0.shortcut.0.weight",
            [0.03142877, -0.03467935, 0.08799411],
        ),
        ("Shakespeare.LSTM", "l1.weight", [-0.004152559, 0.003015518, 0.001363805]),
        ("Reddit.RNN", "l2.weight", [-0.002838306, -0.05920368, -0.05536274]),
        (
            "Femnist.RNET",
            "layer2.0.downsample.0.weight",
            [-0.05693858, -0.3528041, 0.003939394],
        ),
    ],
)
def test_a_seed_gives_the_initial_weights_that_it_always_gave(name, parameter, first):
    """Breaks when layers are made in another order, and so draw other numbers."""
    torch.manual_seed(97)
    drawn = make(name).state_dict()[parameter].flatten()[:3]
    assert drawn.tolist() == pytest.approx(first, rel=1e-5)


@pytest.mark.parametrize("name", ["CIFAR10.ResNet8", "Femnist.RNET"])
def test_another_number_of_classes_can_be_asked_for(name):
    shape = (3, 32, 32) if name == "CIFAR10.ResNet8" else (1, 28, 28)
    assert make(name, num_classes=100)(torch.zeros(2, *shape)).shape == (2, 100)


def test_residual_blocks_may_start_as_their_short_cuts():
    model = make("Femnist.RNET", zero_init_residual=True)
    assert not model.layer1[0].bn2.weight.any()
    assert model.layer1[0].bn1.weight.all()


def test_the_normalisation_of_the_residual_network_may_be_chosen():
    made = make("Femnist.RNET", norm_layer=lambda planes: torch.nn.GroupNorm(2, planes))
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in made.modules())


@pytest.mark.parametrize(
    "option",
    [
        {"groups": 2},
        {"width_per_group": 64},
        {"replace_stride_with_dilation": [False, True, False]},
    ],
)
def test_what_its_blocks_cannot_do_is_refused(option):
    with pytest.raises(ValueError, match="does not support groups"):
        make("Femnist.RNET", **option)
