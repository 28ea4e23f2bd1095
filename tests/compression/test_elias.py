"""The bytes of Elias, and the bit fields beneath them."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from decentralizepy.compression._bits import pack, unpack
from decentralizepy.compression._frame import seal
from decentralizepy.compression.Elias import Elias
from decentralizepy.errors import MessageError

HEAD = 16


def test_bytes_by_hand():
    """[0, 3, 4, 9] is the gaps 1, 3, 1, 5: the codes 1, 01+1, 1, 001+01."""
    encoded = Elias().compress([0, 3, 4, 9])
    assert bytes(encoded[:4]) == b"eli?"
    assert int.from_bytes(encoded[4:12].tobytes(), "little") == 7
    assert encoded[HEAD:].tolist() == [0b1_01_1_001_0, 0b1_01_00000]


@settings(deadline=None)
@given(st.sets(st.integers(0, 2**63 - 2), max_size=30))
def test_code_lengths_are_those_of_elias_gamma(indices):
    """2 floor(log2 g) + 1 bits a gap, each of the two parts in whole bytes."""
    gaps = np.diff([-1, *sorted(indices)]).tolist()
    lengths = [int(gap).bit_length() - 1 for gap in gaps]
    size = Elias().compress(indices).size - HEAD
    assert size == -(-sum(n + 1 for n in lengths) // 8) + -(-sum(lengths) // 8)


@pytest.mark.parametrize("power", range(63))
def test_gaps_near_every_power_of_two(power):
    """From 2**53 on a float cannot tell 2**k - 1 from 2**k, whose codes differ."""
    for gap in {max(2**power - 1, 1), 2**power, min(2**power + 1, 2**63 - 2)}:
        assert Elias().decompress(Elias().compress([gap - 1])).tolist() == [gap - 1]


def test_a_tenth_of_a_model_takes_under_six_bits_an_index():
    """The reason to use Elias: 32 bits an index without it."""
    indices = np.flatnonzero(np.random.default_rng(0).random(200_000) < 0.1)
    assert Elias().compress(indices).size * 8 < 5.9 * indices.size


@pytest.mark.parametrize(
    ("items", "body", "said"),
    [
        (9, b"\xff", "9 bits of Elias codes in 1 bytes"),
        (2**64 - 1, b"\xff", "hold 18446744073709551615 items"),
        (8, b"\xfe", "truncated"),
        (8, b"\x00", "truncated"),
        (64, bytes(7) + b"\x01" + bytes(8), "63 zeros"),
        (8, b"\x01", "0 bytes of bit fields, not 1"),
        (8, b"\xff\x00", "1 bytes of bit fields, not 0"),
    ],
)
def test_forged_codes_are_named(items, body, said):
    """A peer's bytes must end in an error, in little memory."""
    with pytest.raises(MessageError, match=said):
        Elias().decompress(seal(b"eli", "?", items, body))


def test_bit_fields_by_hand():
    """Fields of 3, 0, 6 and 2 bits; the last of the 2 bytes is filled with zeros."""
    widths = np.array([3, 0, 6, 2], np.uint64)
    packed = pack(np.array([0b101, 0, 0b000011, 0b10], np.uint64), widths)
    assert packed == bytes([0b101_00001, 0b1_10_00000])


fields = st.lists(
    st.integers(0, 63).flatmap(
        lambda width: st.tuples(st.integers(0, 2**width - 1), st.just(width))
    ),
    max_size=40,
)


@settings(deadline=None)
@given(fields)
def test_bit_fields_are_the_string_of_their_digits(fields):
    """Fields over the edge of a 64-bit word are the ones that go wrong."""
    values, widths = np.array(fields, np.uint64).reshape(-1, 2).T
    packed = pack(values, widths)
    digits = "".join(f"{value:0{width}b}" for value, width in fields if width)
    size = -(-len(digits) // 8)
    assert packed == int(digits.ljust(size * 8, "0") or "0", 2).to_bytes(size, "big")
    found = unpack(np.frombuffer(packed, np.uint8), widths)
    assert found.tolist() == values.tolist()
