"""The codecs on fpzip."""

import numpy as np
import pytest

from decentralizepy.compression._frame import seal
from decentralizepy.compression.EliasFpzip import EliasFpzip
from decentralizepy.compression.EliasFpzipLossy import EliasFpzipLossy
from decentralizepy.errors import ConfigError, MessageError

NORMAL = np.random.default_rng(0).standard_normal(20_000).astype(np.float32)


def round_trip(codec, values):
    return codec.decompress_float(codec.compress_float(values))


def test_values_that_fpzip_makes_larger():
    """Random bits take more than 32 bits each, and fpzip writes past its buffer then."""
    bits = np.random.default_rng(1).integers(0, 2**32, 20_000, np.uint32)
    assert (
        round_trip(EliasFpzip(), bits.view(np.float32)).view(np.uint32) == bits
    ).all()


def test_lossless_size_of_normal_values():
    """What fpzip by itself makes of them, 3.71 bytes a value, and not 1 % more."""
    import fpzip

    alone = len(fpzip.compress(NORMAL))
    assert alone < EliasFpzip().compress_float(NORMAL).size < 1.01 * alone


@pytest.mark.parametrize("bits", range(9, 31))
def test_error_halves_with_each_bit(bits):
    """Less than 2**(9 - bits) of the value, towards zero."""
    found = round_trip(EliasFpzipLossy(float_precision=bits), NORMAL)
    lost = (NORMAL - found) / NORMAL
    assert (lost >= 0).all()
    assert 2.0 ** (8 - bits) <= lost.max() * 2 < 2.0 ** (10 - bits)


def test_32_bits_are_all():
    """The top of the range of float_precision."""
    assert (round_trip(EliasFpzipLossy(float_precision=32), NORMAL) == NORMAL).all()


def test_size_falls_with_precision():
    """1.71 bytes a value at the default of 16 bits, 0.47 at STC's 8."""
    sizes = [EliasFpzipLossy(p).compress_float(NORMAL).size for p in (8, 16)]
    assert np.allclose(np.divide(sizes, NORMAL.size), [0.47, 1.71], atol=0.01)


def test_zero_means_lossless():
    """fpzip's own meaning of precision 0."""
    assert (round_trip(EliasFpzipLossy(0), NORMAL) == NORMAL).all()


@pytest.mark.parametrize("bits", [1, 33, -1, 16.5])
def test_wrong_precision_is_named(bits):
    """Else the first round would fail with fpzip's words."""
    with pytest.raises(ConfigError, match=rf"float_precision = {bits}: .* 2 to 32"):
        EliasFpzipLossy(bits)


def test_what_is_not_of_fpzip():
    """Its own errors are passed on as ours."""
    body = EliasFpzipLossy().compress_float(NORMAL[:5])[16:].tobytes()
    unit = 0xFFFFFF << 8 * (len(body) - 4)  # of the first letter, in a range coder
    other = int.from_bytes(body, "big") - unit * (ord("f") - ord("F"))
    with pytest.raises(MessageError, match="fpzip cannot read"):
        EliasFpzip().decompress_float(
            seal(b"fpz", "f", 5, other.to_bytes(len(body), "big"))
        )


def test_fewer_values_than_announced():
    """A message for another model."""
    few = EliasFpzipLossy().compress_float(NORMAL[:10])[16:].tobytes()
    with pytest.raises(MessageError, match=r"\(10, 1, 1, 1\) fpzip values; 11 "):
        EliasFpzip().decompress_float(seal(b"fpz", "f", 11, few))


def test_double_values_are_refused():
    """Their bytes would be read as other values."""
    import fpzip

    double = fpzip.compress(np.ones(3))
    with pytest.raises(MessageError, match="float32, not float64"):
        EliasFpzip().decompress_float(seal(b"fpz", "f", 3, double))
