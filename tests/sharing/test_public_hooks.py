"""Breaks when a method of the public system that a subclass overrides has no effect."""

import json
from collections import deque

import numpy as np
import pytest
import torch

from decentralizepy.sharing.JWINS.FFT import FFT
from decentralizepy.sharing.JWINS.JWINS import JWINS
from decentralizepy.sharing.JWINS.Wavelet import Wavelet
from decentralizepy.sharing.PartialModel import PartialModel
from decentralizepy.sharing.PlainAverageSharing import PlainAverageSharing
from decentralizepy.sharing.STC import STC
from decentralizepy.sharing.SubSampling import SubSampling
from tests.support.rings import Vector, make

START = [1.0, 2, 3, 4]


def only(cls, **methods):
    """Return the first node of a ring whose sharing is ``cls`` with other ``methods``."""
    options = methods.pop("options", {"alpha": 0.5})
    child = type(f"Own{cls.__name__}", (cls,), methods)
    return make(child, [Vector(START) for _ in range(3)], **options)[0]


def test_the_entries_of_extract_top_gradients_are_sent_in_rising_order():
    chosen = torch.tensor([9.0, 8]), torch.tensor([3, 0])  # as torch.topk has them
    node = only(PartialModel, extract_top_gradients=lambda self: chosen)
    message = node.get_data_to_send()
    assert message["indices"].tolist() == [0, 3]
    assert message["indices"].dtype == np.int32
    assert message["params"].tolist() == [1, 4]


def test_extract_top_gradients_returns_sizes_and_places():
    node = only(PartialModel)
    with torch.no_grad():
        node.model.w += torch.tensor([0.0, -3, 1, 2])
    node._pre_step()
    sizes, places = node.extract_top_gradients()
    assert (sizes.tolist(), places.tolist()) == ([3, 2], [1, 3])


@pytest.mark.parametrize(
    ("cls", "name", "dtype"),
    [
        (Wavelet, "apply_wavelet", torch.float32),
        (JWINS, "apply_wavelet", torch.float32),
        (FFT, "apply_fft", torch.complex64),
    ],
)
def test_the_coefficients_of_a_transform_are_those_that_are_sent(cls, name, dtype):
    chosen = torch.tensor([7, 5], dtype=dtype), torch.tensor([2, 1])
    options = {"alpha_list": "[0.5]"} if cls is JWINS else {"alpha": 0.5}
    node = only(cls, **{name: lambda self: chosen}, options=options)
    message = node.get_data_to_send()
    assert message["indices"].tolist() == [1, 2]
    assert message["params"].tolist() == [5, 7]


def test_the_entries_of_apply_subsampling_are_sent():
    drawn = torch.tensor([1.5, 2.5]), 11, 0.25
    node = only(SubSampling, apply_subsampling=lambda self: drawn)
    message = node.get_data_to_send()
    assert message["params"].tolist() == [1.5, 2.5]
    assert (message["seed"], message["alpha"]) == (11, 0.25)


def test_a_vector_is_saved_by_save_vector(tmp_path):
    def save_vector(self, v, s):
        super(type(self), self).save_vector(v * 2, s)

    options = {"alpha": 0.5, "save_accumulated": True}
    node = only(PartialModel, save_vector=save_vector, options=options)
    node.log_dir = tmp_path
    node.get_data_to_send()
    saved = json.loads((tmp_path / "model_val" / "0" / "1.json").read_text())
    assert saved["tensor"] == [2, 4, 6, 8]


def test_save_change_is_called_only_with_save_accumulated():
    calls = []

    def save_change(self):
        calls.append(self.save_accumulated)

    for flag in (True, False):
        options = {"alpha": 0.5, "save_accumulated": flag}
        only(PartialModel, save_change=save_change, options=options).get_data_to_send()
    assert calls == [True]


def test_sparse_ternary_compression_sends_what_extract_top_gradients_chose():
    options = {"alpha": 0.25, "compress": False}
    chosen = torch.tensor([0.0]), torch.tensor([2])
    node = only(STC, extract_top_gradients=lambda self: chosen, options=options)
    with torch.no_grad():
        node.model.w += torch.tensor([5.0, 0, -3, 0])
    message = node.get_data_to_send()
    assert (message["indices"].tolist(), message["mu"]) == ([2], 3)
    assert node.residual.tolist() == [5, 0, 0, 0]


def test_the_server_averages_what_deserialized_model_returns():
    def deserialized_model(self, m, return_flat_tensor=False):
        assert return_flat_tensor
        return torch.tensor([8.0, 0, 0, 0])

    options = {"alpha": 0.25, "compress": False}
    server = only(STC, deserialized_model=deserialized_model, options=options)
    server._averaging_server({1: deque([{}]), 2: deque([{}])})
    assert server.residual.tolist() == [8, 0, 0, 0]


@pytest.mark.parametrize(
    "name", ["flatten", "unflatten", "compress_data", "decompress_data"]
)
def test_a_client_of_sparse_ternary_compression_calls(name):
    calls = []

    def method(self, argument):
        calls.append(argument)
        return getattr(STC, name)(self, argument)

    options = {"alpha": 0.25, "compress": False}
    node = only(STC, **{name: method}, options=options)
    with torch.no_grad():
        node.model.w += torch.tensor([5.0, 0, 0, 0])
    node.get_data_to_send()
    assert calls, f"STC.{name} of a subclass was never called"


def test_an_update_is_returned_by_name_or_as_one_vector():
    node = only(STC, options={"alpha": 0.25, "compress": False})
    with torch.no_grad():
        node.model.w += torch.tensor([5.0, 0, 0, 0])
    message = node.get_data_to_send()
    assert node.deserialized_model(message)["w"].tolist() == [5, 0, 0, 0]
    flat = node.deserialized_model(message, return_flat_tensor=True)
    assert flat.tolist() == [5, 0, 0, 0]


def test_attributes_that_scripts_read_are_there():
    node = only(PartialModel)
    with torch.no_grad():
        node.model.w += torch.tensor([0.0, -3, 1, 2])
    node.get_data_to_send()
    assert (node.mean, node.std) == pytest.approx((1.5, 1.25**0.5))
    assert only(STC, options={"alpha": 0.25}).alpha == 0.25
    node = only(PlainAverageSharing, options={})
    node._averaging({1: deque([node.get_data_to_send()])})
    assert node.received_this_round == 1
