"""Forged frames: break when a peer's bytes fill the memory, or raise what is no MessageError.

The checksum of each is right, as anybody can make it.
"""

import random
import subprocess
import sys

import fpzip
import lz4.frame
import numpy as np
import pytest
import zstandard

from decentralizepy.compression._fpzip_head import read_head
from decentralizepy.compression._frame import seal
from decentralizepy.compression.Elias import Elias
from decentralizepy.compression.EliasFpzip import EliasFpzip, _encode
from decentralizepy.compression.EliasQuantization import EliasQuantization
from decentralizepy.compression.Lz4Wrapper import Lz4Wrapper
from decentralizepy.compression.Zstd import Zstd
from decentralizepy.errors import MessageError
from tests.support import LIMIT_S

MODEL = 10_000  # numbers
GROWTH_MIB = 16
HUGE = 10**12

DECODE = f"""
import importlib, sys
from tests.support.memory import growth

name, method = sys.argv[1:]
codec = getattr(importlib.import_module("decentralizepy.compression." + name), name)()
codec.compress_data = True
codec.limit = {MODEL}
frame = sys.stdin.buffer.read()
decode = getattr(codec, method)
encode = getattr(codec, method.removeprefix("de"))
decode(encode(__import__("numpy").arange(10, dtype="i4" if method == "decompress" else "f4")))
print(growth(decode, frame))
"""


def zstd_that_claims(size):
    """Return a frame of one segment that says to hold ``size`` bytes, and one block."""
    block = ((1 << 17) << 3 | 0b011).to_bytes(3, "little") + b"0"  # 128 KiB of zeros
    return b"\x28\xb5\x2f\xfd\xe0" + size.to_bytes(8, "little") + block * 100


def lz4_that_claims(size):
    """Return the first 64 MiB of a frame that says to hold ``size`` zeros."""
    compressor = lz4.frame.LZ4FrameCompressor()
    head = compressor.begin(source_size=size)
    return head + compressor.compress(bytes(64 << 20))


def bombs():
    """Return, by name: class and method of a codec; codec, kind, items, body of a frame."""
    ones = b"\xff" * (4 << 20)
    zeros = zstandard.ZstdCompressor().compress(bytes(64 << 20))
    levels = b"\0\0\x80\x3f\1\0\0\0" + bytes(4 << 20)  # up to 1.0, two bits each
    few = _encode(np.zeros(2 << 20, np.float32), 2)
    of = {
        "eli": ("Elias", "decompress"),
        "qua": ("EliasQuantization", "decompress_float"),
        "lz4": ("Lz4Wrapper", "decompress_float"),
        "zst": ("Zstd", "decompress_float"),
        "fpz": ("EliasFpzip", "decompress_float"),
    }
    frames = {
        "gammas of one bit": ("eli", "?", 8 * len(ones), ones),
        "levels of two bits": ("qua", "f", 16 << 20, levels),
        "lz4 of 64 MiB": ("lz4", "f", 16 << 20, lz4_that_claims(64 << 20)),
        "lz4 of 64 MiB, said to be few": ("lz4", "f", 9, lz4_that_claims(64 << 20)),
        "lz4 of 1 TB": ("lz4", "f", HUGE // 4, lz4_that_claims(HUGE)),
        "lz4 of 1 TB, said to be few": ("lz4", "f", MODEL, lz4_that_claims(HUGE)),
        "zstd of 64 MiB": ("zst", "f", 16 << 20, zeros),
        "zstd of 64 MiB, said to be few": ("zst", "f", MODEL, zeros),
        "zstd of 1 TB": ("zst", "f", HUGE // 4, zstd_that_claims(HUGE)),
        "zstd of 1 TB, said to be few": ("zst", "f", MODEL, zstd_that_claims(HUGE)),
        "fpzip of 8 MiB": ("fpz", "f", 2 << 20, few),
        "fpzip of 8 MiB, said to be few": ("fpz", "f", MODEL, few),
    }
    return {name: (*of[frame[0]], *frame) for name, frame in frames.items()}


BOMBS = bombs()


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_in_little_memory(name):
    """For a model of 10,000 numbers, whatever frames and streams say to hold."""
    module, method, codec, kind, items, body = BOMBS[name]
    frame = seal(codec.encode(), kind, items, body).tobytes()
    command = [sys.executable, "-c", DECODE, module, method]
    found = subprocess.run(command, input=frame, capture_output=True, timeout=LIMIT_S)
    assert not found.stderr
    assert int(found.stdout) <= GROWTH_MIB


def test_what_fits_the_limit_is_read():
    """The limit is the model's size, all of whose numbers may come, and be the last."""
    for indices in (np.arange(MODEL), np.array([MODEL - 1]), np.arange(1, MODEL, 2)):
        for codec in (Elias(), Zstd(), Lz4Wrapper()):
            codec.limit = MODEL
            assert np.array_equal(codec.decompress(codec.compress(indices)), indices)
    values = np.ones(MODEL, np.float32)
    for codec in (EliasFpzip(), EliasQuantization(), Zstd(), Lz4Wrapper(True, True)):
        codec.limit = MODEL
        assert codec.decompress_float(codec.compress_float(values)).size == MODEL


@pytest.mark.parametrize("count", [1, 2, 255, 1000, 65_535, 65_536])
def test_the_head_of_fpzip_is_read_as_fpzip_reads_it(count):
    """Each precision shifts all later bits of the range coder."""
    values = np.random.default_rng(count).standard_normal(count).astype(np.float32)
    for precision in (0, 2, 9, 16, 17, 31, 32):
        rows = 1 if 0 < precision <= 16 else 2
        head = read_head(_encode(values, precision))
        assert head == (0, (count, 1, 1, rows))


def test_a_stream_of_fpzip_with_other_sizes_is_not_begun():
    """Its decoder multiplies four sizes in 32 bits, and would write behind its memory."""
    for sizes in ((3, 40), (1, 41)):
        body = fpzip.compress(np.ones(sizes, np.float32)[:, None, None], precision=16)
        with pytest.raises(MessageError, match="40 were announced"):
            EliasFpzip().decompress_float(seal(b"fpz", "f", 40, body))


CODECS = {
    "Elias": (Elias(), "eli"),
    "EliasQuantization": (EliasQuantization(), "qua"),
    "Lz4Wrapper": (Lz4Wrapper(True, True), "lz4"),
    "Zstd": (Zstd(), "zst"),
}


@pytest.mark.parametrize("name", CODECS)
def test_20_000_forged_frames(name):
    """Only MessageError, and never more than the limit."""
    codec, mark = CODECS[name]
    codec.limit = MODEL
    generator = random.Random(name)
    values = np.random.default_rng(0).standard_normal(40).astype(np.float32)
    for decode, frame in (
        (codec.decompress, codec.compress(np.arange(0, 400, 9))),
        (codec.decompress_float, codec.compress_float(values)),
    ):
        if frame is values:
            continue
        _, kind, items = frame[:3], chr(frame[3]), int(frame[4:12].view("<u8")[0])
        refused = 0
        for _ in range(10_000):
            body = mutated(bytearray(frame[16:].tobytes()), generator)
            count = generator.choice((items, items, items + 1, MODEL, 2**63))
            try:
                found = decode(seal(mark.encode(), kind, count, body))
            except MessageError:
                refused += 1
            else:
                assert found.size <= MODEL
        assert refused > 1000


def mutated(body, generator):
    """Return ``body`` with some bytes changed, added or cut off."""
    for _ in range(generator.randrange(4)):
        if body:
            body[generator.randrange(len(body))] = generator.randrange(256)
    if generator.random() < 0.2:
        del body[generator.randrange(len(body) + 1) :]
    if generator.random() < 0.1:
        body += generator.randbytes(generator.randrange(9))
    return bytes(body)
