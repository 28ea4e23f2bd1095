"""What every codec promises, tried on all of them."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays

from decentralizepy.compression import _frame
from decentralizepy.compression.Compression import Compression
from decentralizepy.compression.Elias import Elias
from decentralizepy.compression.EliasFpzip import EliasFpzip
from decentralizepy.compression.EliasFpzipLossy import EliasFpzipLossy
from decentralizepy.compression.EliasQuantization import EliasQuantization
from decentralizepy.compression.Lz4Wrapper import Lz4Wrapper
from decentralizepy.compression.Quantization import Quantization
from decentralizepy.compression.Zstd import Zstd
from decentralizepy.errors import MessageError

MADE = {
    "Compression": Compression,
    "Elias": Elias,
    "EliasFpzip": EliasFpzip,
    "EliasFpzipLossy": EliasFpzipLossy,
    "EliasFpzipLossy-8": partial(EliasFpzipLossy, float_precision=8),
    "EliasQuantization": EliasQuantization,
    "Quantization": Quantization,
    "Quantization-5": partial(Quantization, float_precision=5),
    "Quantization-127": partial(Quantization, float_precision=127),
    "Lz4Wrapper": Lz4Wrapper,
    "Lz4Wrapper-data": partial(Lz4Wrapper, compress_data=True),
    "Lz4Wrapper-none": partial(Lz4Wrapper, compress_metadata=False),
    "Zstd": Zstd,
}
FOR_INDICES = [n for n in MADE if n.startswith(("Elias", "Zstd", "Lz4Wrapper"))]
FOR_INDICES.remove("Lz4Wrapper-none")
IDENTITY_OF_FLOATS = ("Compression", "Elias", "Lz4Wrapper", "Lz4Wrapper-none")
FOR_FLOATS = [n for n in MADE if n not in IDENTITY_OF_FLOATS]
ENCODING = sorted({*FOR_INDICES, *FOR_FLOATS})
LOSSLESS = [n for n in MADE if "Lossy" not in n and "Quantization" not in n]
NOT_FPZIP = [n for n in ENCODING if "Fpzip" not in n]

laws = settings(max_examples=50, deadline=None)
every = pytest.mark.parametrize("name", MADE)
for_indices = pytest.mark.parametrize("name", FOR_INDICES)
for_floats = pytest.mark.parametrize("name", FOR_FLOATS)

wide = st.integers(0, 2**63 - 2)
index_lists = st.one_of(
    st.lists(st.integers(0, 60), unique=True, max_size=60),
    st.lists(st.one_of(wide, st.integers(0, 2**31)), unique=True, max_size=60),
)
any_bits = arrays(np.uint32, st.integers(0, 80)).map(lambda a: a.view(np.float32))
finite = arrays(
    np.float32,
    st.integers(0, 80),
    elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
)


def values(seed, size, dtype=np.float32):
    """Normal numbers, as gradients and weights are."""
    parts = np.random.default_rng(seed).standard_normal(2 * size).astype(np.float32)
    return parts[:size] if dtype == np.float32 else parts.view(np.complex64)


def bits(array):
    return np.ascontiguousarray(array).view(np.uint8).tobytes()


@every
@laws
@given(index_lists)
def test_indices_come_back_sorted(name, indices):
    """A codec that loses, adds or changes an index sends values to wrong places."""
    codec = MADE[name]()
    found = np.array(codec.decompress(codec.compress(np.array(indices, np.int64))))
    assert sorted(found.tolist()) == sorted(indices)
    if name in FOR_INDICES:
        assert found.dtype == np.int64
        assert found.tolist() == sorted(indices)


@for_indices
@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint8])
@pytest.mark.parametrize("indices", [[], [0], [7], [5, 3, 4], range(100)])
def test_indices_of_every_type_and_container(name, indices, dtype):
    """The same indices are the same bytes, however they are held."""
    codec = MADE[name]()
    encoded = codec.compress(np.array(indices, dtype))
    assert bits(encoded) == bits(codec.compress(set(indices)))
    assert bits(encoded) == bits(codec.compress(list(indices)))
    found = codec.decompress(encoded)
    assert (found.shape, found.tolist()) == ((len(indices),), sorted(indices))


@for_indices
@pytest.mark.parametrize(
    ("indices", "said"),
    [
        ([4, 7, 1, 7], "index 7 is there twice"),
        ([3, -2], "index -2"),
        ([2**62, -(2**63) + 1], "index -9223372036854775807"),
        ([2**63 - 1], "index 9223372036854775807"),
        (np.array([2**62, 2**63 + 1], np.uint64), "index 9223372036854775809"),
        ([0.5], "whole numbers, not float64"),
    ],
)
def test_wrong_indices_are_named(name, indices, said):
    """Else they would come back as other indices, with no word said."""
    with pytest.raises(ValueError, match=said):
        MADE[name]().compress(indices)


@pytest.mark.parametrize("name", LOSSLESS)
@laws
@given(any_bits)
def test_lossless_codecs_keep_every_bit(name, floats):
    """NaN with its payload, -0 and the smallest numbers included."""
    codec = MADE[name]()
    found = codec.decompress_float(codec.compress_float(floats))
    assert (found.dtype, found.shape) == (np.float32, floats.shape)
    assert bits(found) == bits(floats)


@every
@laws
@given(finite)
def test_types_and_shapes_come_back_and_zeros_stay_zero(name, floats):
    """One value must not become a number without shape, nor zero a small number."""
    codec = MADE[name]()
    found = codec.decompress_float(codec.compress_float(floats))
    assert (found.dtype, found.shape) == (np.float32, floats.shape)
    assert not found[floats == 0].any()


@every
@pytest.mark.parametrize("size", [0, 1, 2, 1000])
def test_complex_values_are_pairs_of_floats(name, size):
    """The FFT sharing sends complex64."""
    codec, sent = MADE[name](), values(1, size, np.complex64)
    found = codec.decompress_float(codec.compress_float(sent))
    parts = codec.decompress_float(codec.compress_float(sent.view(np.float32)))
    assert (found.dtype, found.shape) == (np.complex64, (size,))
    assert bits(found) == bits(parts)


@every
@pytest.mark.parametrize("dtype", [np.float32, np.complex64])
def test_what_is_given_stays_and_what_is_made_is_the_same_each_time(name, dtype):
    """Sharing goes on to use the arrays that it compressed; they may be read-only."""
    codec, other = MADE[name](), MADE[name]()
    indices, floats = np.array([9, 2, 5], np.int32), values(2, 50, dtype)[::2]
    before = bits(indices), bits(floats)
    for array in (indices, floats):
        array.flags.writeable = False
    for _ in range(2):
        assert bits(codec.compress(indices)) == bits(other.compress(indices))
        assert bits(codec.compress_float(floats)) == bits(other.compress_float(floats))
    assert (bits(indices), bits(floats)) == before


@every
@laws
@given(finite)
def test_what_was_decoded_loses_nothing_more(name, floats):
    """A value relayed through many nodes must not drift."""
    codec = MADE[name]()
    once = codec.compress_float(floats)
    again = codec.compress_float(codec.decompress_float(once))
    assert bits(again) == bits(once)


@every
def test_made_without_a_precision_or_with_none(name):
    """Sharing passes float_precision=None if the INI has none, or options it lacks."""
    made = MADE[name]
    kind = made.func if isinstance(made, partial) else made
    encoded = kind().compress_float(values(3, 100))
    for codec in (kind(float_precision=None), kind(unheard_of=1)):
        assert bits(codec.compress_float(values(3, 100))) == bits(encoded)


@for_floats
def test_values_are_checked(name):
    """A float64 array would come back as another type."""
    for wrong in (np.zeros(3), np.zeros((2, 2), np.float32), np.float32(1), [1, 2]):
        with pytest.raises(ValueError, match="float32 or complex64 of shape"):
            MADE[name]().compress_float(wrong)


def pairs(name):
    """(encoded, decode) for each half of the codec that encodes."""
    codec = MADE[name]()
    found = []
    if name in FOR_INDICES:
        found.append((codec.compress(range(0, 300, 7)), codec.decompress))
    if name in FOR_FLOATS:
        floats = codec.compress_float(values(4, 40, np.complex64))
        found.append((floats, codec.decompress_float))
    return found


encoding = pytest.mark.parametrize("name", ENCODING)


@encoding
def test_encoded_and_decoded_are_plain_arrays(name):
    """Encoded data travels as one raw frame; decoded arrays become tensors."""
    for encoded, decode in pairs(name):
        assert (encoded.dtype, encoded.ndim) == (np.uint8, 1)
        for buffer in (encoded, encoded.tobytes(), memoryview(encoded)):
            found = decode(buffer)
            assert found.flags.writeable
            assert bits(found) == bits(decode(encoded))


@encoding
@laws
@given(data=st.data())
def test_damage_is_found(name, data):
    """A flipped bit or a lost end must be an error, not another model."""
    for encoded, decode in pairs(name):
        place = data.draw(st.integers(0, encoded.size - 1))
        flipped = encoded.copy()
        flipped[place] ^= 1 << data.draw(st.integers(0, 7))
        for damaged in (flipped, encoded[:place]):
            with pytest.raises(MessageError):
                decode(damaged)


@encoding
@laws
@given(st.binary(max_size=60))
def test_random_bytes_are_no_message(name, noise):
    """Anything else than MessageError would end the node that received it."""
    for _, decode in pairs(name):
        with pytest.raises(MessageError):
            decode(noise)


@encoding
@pytest.mark.parametrize(
    "wrong",
    [None, 3, "text", [1, 2], np.zeros(40, np.float32), np.zeros((20, 20), np.uint8)],
    ids=str,
)
def test_what_is_no_row_of_bytes_is_no_message(name, wrong):
    """A peer without compression sends arrays of other types."""
    for _, decode in pairs(name):
        with pytest.raises(MessageError):
            decode(wrong)


@encoding
def test_data_of_another_codec_is_no_message(name):
    """Two nodes with different INI files must be told, not mix noise into a model."""
    for encoded, decode in pairs(name):
        codec, rest = bytes(encoded[:3]), encoded[3:].tobytes()
        with pytest.raises(MessageError, match="not of"):
            decode(codec[::-1] + rest)


@pytest.mark.parametrize("name", NOT_FPZIP)
@laws
@given(data=st.data())
def test_forged_data_does_no_harm(name, data):
    """With a right checksum over wrong content: an error, or some other arrays."""
    for encoded, decode in pairs(name):
        frame = _frame.unseal(bytes(encoded[:3]), "?IqfF", encoded, 1 << 30)
        body = bytearray(frame.body)
        places = st.tuples(st.integers(0, len(body) - 1), st.integers(0, 255))
        for place, byte in data.draw(st.lists(places, max_size=5)):
            body[place] = byte
        del body[data.draw(st.integers(0, 2 * len(body))) :]
        items = data.draw(
            st.sampled_from([frame.items, 0, 1, 2**20, 2**40, 2**63, 2**64 - 1])
            | st.integers(0, 2 * frame.items)
        )
        kind = data.draw(st.sampled_from("?IqfF"))
        try:
            found = decode(_frame.seal(bytes(encoded[:3]), kind, items, bytes(body)))
        except MessageError:
            continue
        assert found.size <= 2**20
