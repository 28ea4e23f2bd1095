"""Breaks when coefficients are not those of the transform, or go to wrong places."""

import json
import random
from collections import deque
from math import sqrt

import numpy as np
import pytest
import pywt
import torch
from hypothesis import given, settings, strategies as st

from decentralizepy.errors import ConfigError, PeerError
from decentralizepy.randomness import Purpose, derive_seed
from decentralizepy.sharing.JWINS.FFT import FFT
from decentralizepy.sharing.JWINS.JWINS import JWINS
from decentralizepy.sharing.JWINS.Wavelet import Wavelet
from tests.support.rings import Counting, Vector, deliver, make, run, vectors

PUBLISHED = {
    "alpha_list": "[0.1,0.15,0.2,0.25,0.3,0.4,1.0]",
    "wavelet": "sym2",
    "accumulation": True,
    "accumulate_averaging_changes": True,
    "metadata_cap": 0.5,
}


def pair(sharing, first=(0, 0, 0, 0), second=(0, 0, 0, 0), **options):
    return make(sharing, [Vector(first), Vector(second)], **options)


def train(node, values):
    with torch.no_grad():
        node.model.w.copy_(torch.tensor(values, dtype=torch.float32))


def test_a_round_of_wavelets_by_hand():
    """Haar, once: sums and differences of pairs, over the root of 2."""
    sender, receiver = pair(Wavelet, alpha=0.25, level=1)
    train(sender, [3, 1, 0, 0])
    coefficients = sender.coefficients().tolist()
    assert coefficients == pytest.approx([4 / sqrt(2), 0, 2 / sqrt(2), 0])
    message = sender.get_data_to_send()
    assert message["indices"].tolist() == [0]
    assert message["params"].tolist() == pytest.approx([4 / sqrt(2)])
    receiver._averaging({0: deque([deliver(message)])})
    assert receiver.model.w.tolist() == pytest.approx([1, 1, 0, 0])


def test_a_round_of_spectra_by_hand():
    """The sum of the numbers is the first coefficient; half of it arrives."""
    sender, receiver = pair(FFT, alpha=1 / 3)
    train(sender, [1, 2, 3, 4])
    assert sender.coefficients().tolist() == pytest.approx([10, -2 + 2j, -2])
    message = sender.get_data_to_send()
    assert (message["indices"].tolist(), message["params"].tolist()) == ([0], [10])
    assert message["params"].dtype == np.complex64
    receiver._averaging({0: deque([deliver(message)])})
    assert receiver.model.w.tolist() == pytest.approx([1.25] * 4)


def test_wavelets_are_those_of_the_library_in_single_precision():
    """float64 would double the bytes."""
    values = np.random.default_rng(1).normal(size=203).astype(np.float32)
    node, _ = pair(Wavelet, values, values, wavelet="sym2", level=4)
    expected = np.concatenate(pywt.wavedec(values, "sym2", level=4))
    assert node.coefficients().numpy().tolist() == expected.tolist()
    assert node.coefficients().dtype == torch.float32
    assert len(node.model.shared_parameters_counter) == len(expected) > 203
    message = node.get_data_to_send()
    assert message.keys() == {"params", "degree", "iteration"}
    assert message["params"].shape == expected.shape


@pytest.mark.parametrize("sharing", [Wavelet, FFT])
def test_whole_numbers_stay_each_node_s_own(sharing):
    """A counter of batches would be cut to other numbers, and blur its neighbors."""
    models = [Counting(seed, count=seed * 10**6) for seed in range(3)]
    nodes = make(sharing, models)
    mean = vectors(nodes)[:, :-1].mean(axis=0)
    run(nodes)
    assert [int(node.model.count) for node in nodes] == [0, 10**6, 2 * 10**6]
    for row in vectors(nodes)[:, :-1]:
        assert row == pytest.approx(mean, abs=1e-6)


@pytest.mark.parametrize("sharing", [Wavelet, FFT])
@settings(deadline=None)
@given(st.integers(1, 70), st.integers(0, 5))
def test_any_length_comes_back(sharing, size, level):
    """Odd lengths lose their last number in a careless inverse."""
    options = {"wavelet": "sym2", "level": level} if sharing is Wavelet else {}
    values = np.random.default_rng(size).normal(size=size)
    node, _ = pair(sharing, values, values, **options)
    back = node.inverse(node.coefficients())
    assert back.tolist() == pytest.approx(node.model.w.tolist(), abs=1e-5)


def test_selection_by_value():
    """Without change_based_selection the largest are sent, moved or not."""
    for by_change, expected in ((True, 0), (False, 1)):
        node, _ = pair(
            FFT, (9, -9, 9, -9), alpha=1 / 3, change_based_selection=by_change
        )
        train(node, [10, -8, 10, -8])  # the sum grows by 4; the alternating one is 36
        (index,) = node.get_data_to_send()["indices"]
        assert index == 2 * expected


def test_accumulation_is_in_the_basis():
    node, _ = pair(Wavelet, alpha=0.25, level=1, accumulation=True)
    train(node, [3, 1, 0, 0])
    sent = []
    for _ in range(2):
        sent += node.get_data_to_send()["indices"].tolist()
        node._averaging({})
    assert sent == [0, 2]


def test_jwins_draws_alpha_by_the_runs_seed_and_the_uid():
    nodes = pair(JWINS, np.zeros(40), np.zeros(40), alpha_list="[0.1, 0.2, 0.5, 1]")
    for node in nodes:
        drawn = random.Random(derive_seed(Purpose.ALPHAS, 97, node.uid))
        for _ in range(20):
            node.get_data_to_send()
            assert node.alpha == drawn.choice([0.1, 0.2, 0.5, 1])


def test_jwins_sends_all_from_the_cap_on_and_keeps_its_degree():
    node, _ = pair(JWINS, np.zeros(40), np.zeros(40), **PUBLISHED)
    kinds = set()
    for _ in range(40):
        message = node.get_data_to_send(degree=7)
        assert message["degree"] == 7
        kinds.add((node.alpha, "indices" in message))
        size = len(message["params"])
        assert size == (node.size if node.alpha == 1 else round(node.alpha * node.size))
    alphas = [0.1, 0.15, 0.2, 0.25, 0.3, 0.4]
    assert kinds == {*((alpha, True) for alpha in alphas), (1.0, False)}


def test_jwins_brings_nodes_together():
    values = np.random.default_rng(2).normal(size=(4, 60))
    nodes = make(JWINS, [Vector(row) for row in values], **PUBLISHED)
    run(nodes, 40)
    assert np.ptp(vectors(nodes), axis=0).max() < 0.01


@pytest.mark.parametrize(
    ("sharing", "options"),
    [(Wavelet, {}), (FFT, {}), (JWINS, {"alpha_list": "[1.0]"})],
)
def test_a_server_averages_in_the_basis(sharing, options):
    models = [Vector([1, 2, 3, 4]) for _ in range(3)]
    server, first, second = make(sharing, models, **options)
    train(first, [1, 0, 5, 4])
    train(second, [3, 2, 1, 0])
    server._pre_step()
    sent = {node.uid: deque([node.get_data_to_send()]) for node in (first, second)}
    server._averaging_server(sent)
    assert server.model.w.tolist() == pytest.approx([2, 1, 3, 2], abs=1e-5)


def test_files_have_the_share_that_was_drawn(tmp_path):
    node, _ = pair(
        JWINS, alpha_list="[0.5]", level=1, save_shared=True, save_accumulated=True
    )
    node.log_dir = str(tmp_path)
    train(node, [3, 1, 0, 0])
    node.get_data_to_send()
    shared = tmp_path / "shared_params" / "0" / "1_shared_params.json"
    written = json.loads(shared.read_text())
    assert (written["alpha"], written["0"]) == (0.5, [0, 2])
    change = tmp_path / "model_change" / "0" / "1.json"
    tensor = json.loads(change.read_text())["tensor"]
    assert tensor == pytest.approx([4 / sqrt(2), 0, 2 / sqrt(2), 0])


def test_spectra_are_written_as_pairs(tmp_path):
    """JSON has no complex numbers."""
    node, _ = pair(FFT, save_accumulated=True)
    node.log_dir = str(tmp_path)
    train(node, [1, 2, 3, 4])
    node.get_data_to_send()
    change = json.loads((tmp_path / "model_change" / "0" / "1.json").read_text())
    assert change["tensor"] == [[10, 0], [-2, 2], [-2, 0]]


def test_real_values_for_a_spectrum_are_named():
    node, _ = pair(FFT)
    message = {"params": np.zeros(3, np.float32), "degree": 1, "iteration": 2}
    with pytest.raises(PeerError, match=r"round 2 .*float32 for 3 entries"):
        node._averaging({1: deque([message])})


@pytest.mark.parametrize(
    "wrong", ["[0.1, 2]", "[]", "[0]", "0.5", "['a']", "__import__('os')", "[0.1", "x"]
)
def test_alpha_list_is_checked_before_any_process_starts(wrong):
    """It is read as a literal: nothing in it is executed."""
    for attempt in (JWINS.prepare, lambda **options: pair(JWINS, **options)):
        with pytest.raises(ConfigError, match=r"\[SHARING\] alpha_list = "):
            attempt(alpha_list=wrong)


def test_a_misspelt_wavelet_is_named_before_any_process_starts():
    for attempt in (Wavelet.prepare, lambda **options: pair(Wavelet, **options)):
        with pytest.raises(ConfigError, match=r"wavelet = harr: .*did you mean haar"):
            attempt(wavelet="harr")
    with pytest.raises(ConfigError, match="morl"):
        Wavelet.prepare(wavelet="morl")  # continuous
