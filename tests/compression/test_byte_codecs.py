"""LZ4 and Zstandard: what they save, and bombs."""

import sys
import tracemalloc

import lz4.frame
import numpy as np
import pytest
import zstandard

from decentralizepy.compression._frame import seal
from decentralizepy.compression.Lz4Wrapper import Lz4Wrapper
from decentralizepy.compression.Zstd import Zstd
from decentralizepy.errors import ConfigError, MessageError

NORMAL = np.random.default_rng(0).standard_normal(20_000).astype(np.float32)
INDICES = np.flatnonzero(np.random.default_rng(1).random(200_000) < 0.1)


def test_options_of_lz4():
    """Each half can be switched; what is off is the very array given."""
    codec = Lz4Wrapper()
    assert codec.compress(INDICES).size < INDICES.size * 2
    assert codec.compress_float(NORMAL) is NORMAL
    assert codec.decompress_float(NORMAL) is NORMAL
    other = Lz4Wrapper(compress_metadata=False, compress_data=True)
    assert other.compress(INDICES) is INDICES
    assert other.decompress(INDICES) is INDICES
    assert other.compress_float(NORMAL).dtype == np.uint8


def test_zstd_saves_what_floats_have_in_common():
    """Their exponents, which are hidden from it unless they stand together."""
    values = np.tile(NORMAL, 10) * np.repeat(
        np.float32([1, 1.1, 1.2, 1.3, 1.4]), 40_000
    )
    plain = zstandard.ZstdCompressor(level=1).compress(values.tobytes())
    assert Zstd().compress_float(values).nbytes < 0.93 * len(plain)
    assert Zstd().compress(INDICES).nbytes < INDICES.size * 0.9


def test_without_zstandard_the_error_says_what_to_install(monkeypatch):
    """At the start, not in the first round."""
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(ConfigError, match=r"pip install decentralizepy\[zstd\]"):
        Zstd()


ZEROS = bytes(64 << 20)
BOMBS = {
    "lz4": (Lz4Wrapper(compress_data=True), lz4.frame.compress(ZEROS)),
    "zst": (Zstd(), zstandard.ZstdCompressor().compress(ZEROS)),
}


@pytest.mark.parametrize("codec", BOMBS)
@pytest.mark.parametrize("items", [0, 1000, 2**24 - 1, 2**24 + 1, 2**30, 2**64 - 1])
def test_a_bomb_that_states_another_size_is_refused(codec, items):
    """64 MiB of zeros; at most twice what the message states is allocated."""
    reader, body = BOMBS[codec]
    forged = seal(codec.encode(), "f", items, body)
    tracemalloc.start()
    with pytest.raises(MessageError, match="hold"):
        reader.decompress_float(forged)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < (8 * items if items < 2**25 else 0) + (1 << 20)


def test_a_bomb_of_more_than_four_gib_is_refused():
    """Its size is stated truly, and its bytes could hold it."""
    body = np.zeros(1 << 20, np.uint8).tobytes()
    with pytest.raises(MessageError, match="that say to hold 1073741825 items"):
        Zstd().decompress_float(seal(b"zst", "f", (1 << 30) + 1, body))


@pytest.mark.parametrize("codec", BOMBS)
def test_gaps_that_are_no_indices(codec):
    """Zero gaps are indices sent twice; large ones pass 2**63."""
    reader = BOMBS[codec][0]
    for gaps in ([3, 0], [2**62, 2**62], [5, -1]):
        body = reader.squeeze(np.array(gaps, np.int64))
        with pytest.raises(MessageError, match="not distinct or above"):
            reader.decompress(seal(codec.encode(), "q", 2, body))
