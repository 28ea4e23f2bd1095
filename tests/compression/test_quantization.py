"""The quantiser: its levels by hand, its bound, its size."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays

from decentralizepy.compression._frame import seal
from decentralizepy.compression.Quantization import Quantization
from decentralizepy.errors import ConfigError, MessageError

HEAD = 16 + 8


def round_trip(codec, values):
    return codec.decompress_float(codec.compress_float(values))


def test_levels_by_hand():
    """k = 2, so 5 levels of 3 bits: -4 -1.9 0.9 1.1 4 are -2 -1 0 1 2, plus 2."""
    values = np.array([-4, -1.9, 0.9, 1.1, 4], np.float32)
    encoded = Quantization(float_precision=2).compress_float(values)
    assert encoded[16:HEAD].tobytes() == struct.pack("<fI", 4, 2)
    assert encoded[HEAD:].tolist() == [0b000_001_01, 0b0_011_100_0]
    assert round_trip(Quantization(2), values).tolist() == [-4, -2, 0, 2, 4]


@settings(deadline=None)
@given(
    arrays(
        np.float32,
        st.integers(1, 60),
        elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
    ),
    st.integers(1, 2**31 - 1) | st.sampled_from([1, 2, 7, 127, 32767, 2**31 - 1]),
)
def test_error_is_half_a_step(values, k):
    """max / (2k), and the rounding to float32: what convergence proofs start from."""
    found = round_trip(Quantization(k), values)
    exact, peak = values.astype(np.float64), float(np.abs(values).max())
    rounding = np.abs(found.astype(np.float64)) * 2.0**-24 + 2.0**-150
    assert (np.abs(found - exact) <= peak / (2 * k) * (1 + 1e-9) + rounding).all()
    assert np.abs(found).max() == np.float32(peak)


def test_scale_is_kept():
    """Scaling by the mean for the maximum, values would shrink to a quarter."""
    values = np.random.default_rng(0).standard_normal(100_000).astype(np.float32)
    found = round_trip(Quantization(float_precision=7), values)
    assert abs(np.dot(found, values) / np.dot(values, values) - 1) < 0.02
    assert abs(float((found - values).mean())) < 0.005


@pytest.mark.parametrize(
    ("k", "bits"), [(1, 2), (3, 3), (127, 8), (128, 9), (32767, 16), (2**31 - 1, 32)]
)
def test_size(k, bits):
    """The bits of 2k a value, and a header of 24 bytes."""
    encoded = Quantization(k).compress_float(np.ones(1000, np.float32))
    assert encoded.size == HEAD + 1000 * bits // 8


def test_zeros_alone():
    """The maximum, which everything is divided by, is then zero."""
    assert not round_trip(Quantization(), np.zeros(9, np.float32)).any()


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_only_numbers(wrong):
    """One inf would make all other values zero."""
    with pytest.raises(ValueError, match=f"value 2 is {wrong}"):
        Quantization().compress_float(np.array([1, 2, wrong, np.nan], np.float32))


@pytest.mark.parametrize("k", [0, -5, 2**31, 1.5])
def test_wrong_number_of_levels_is_named(k):
    """An INI may hold any number."""
    with pytest.raises(ConfigError, match=f"float_precision = {k}: "):
        Quantization(float_precision=k)


@pytest.mark.parametrize(
    ("peak", "k", "items", "packed", "said"),
    [
        (np.nan, 2, 0, b"", "up to nan"),
        (np.inf, 2, 0, b"", "up to inf"),
        (-1, 2, 0, b"", "up to -1"),
        (1, 0, 0, b"", "in 0 levels"),
        (1, 2**31, 0, b"", "in 2147483648 levels"),
        (1, 2, 5, b"\x00", "5 values of 3 bits in 1 bytes"),
        (1, 2, 2**64 - 1, b"\x00", "hold 18446744073709551615 items"),
        (1, 2, 1, b"\xa0", "level 5 of 4"),
        (1, 127, 1, b"\xff", "level 255 of 254"),
    ],
)
def test_forged_values_are_named(peak, k, items, packed, said):
    """A peer must not make a node allocate, nor send values above its maximum."""
    forged = seal(b"qua", "f", items, struct.pack("<fI", peak, k) + packed)
    with pytest.raises(MessageError, match=said):
        Quantization().decompress_float(forged)
