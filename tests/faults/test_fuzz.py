"""Bytes of others: break when a parser raises what is not ours, or eats memory.

``fuzz_parsers`` searches longer for the same.
"""

import contextlib
import json
import random
import subprocess
import sys
import time

import msgpack
import numpy as np
import pytest
import zmq
from hypothesis import HealthCheck, given, settings, strategies as st

from decentralizepy.communication._frames import Encoded
from decentralizepy.communication._link import Link
from decentralizepy.communication._seal import Checksum
from decentralizepy.communication._wire import HEADER_LIMIT, decode, encode
from decentralizepy.communication.TCP import TCP
from decentralizepy.errors import MessageError
from decentralizepy.mappings.Linear import Linear
from tests.support import LIMIT_S
from tests.support.fuzz_parsers import PARSERS, SEEDS, mutated
from tests.support.ports import free_offset

FRAMES = 100_000
MESSAGES = 10_000
GROWTH_MIB = 64


@pytest.mark.parametrize("name", PARSERS)
@pytest.mark.filterwarnings("ignore")
def test_parsers_raise_only_our_errors(name, tmp_path, caplog):
    """Files of users that are damaged in any way get a message, not a traceback."""
    caplog.set_level("CRITICAL")
    generator = random.Random(name)
    for _ in range(2_000):
        data = mutated(generator.choice(SEEDS[name]), generator)
        PARSERS[name](data, tmp_path / "file")


def attempts(frames):
    """Return 1 if ``frames`` are a message, else 0."""
    try:
        decode(frames)
    except MessageError:
        return 0
    return 1


def test_100_000_mutated_headers():
    """What a neighbor sends is data, whatever it is."""
    generator = random.Random(0)
    frames = [np.zeros(3, np.float32), b""]
    taken = sum(
        attempts([mutated(generator.choice(SEEDS["header"]), generator), *frames[:n]])
        for n in (0, 1, 1, 2)
        for _ in range(FRAMES // 4)
    )
    assert 0 < taken < FRAMES // 2


junk = st.recursive(
    st.none() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=9) | st.integers(0, 9), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=400, deadline=None, suppress_health_check=[*HealthCheck])
@given(
    content=junk,
    code=st.integers(-128, 127),
    frame=st.binary(max_size=9),
    data=st.data(),
)
def test_headers_of_any_structure(content, code, frame, data):
    """Well-formed msgpack that means nothing, also as what an array says of itself."""
    inner = msgpack.packb(content, strict_types=True)
    ext = msgpack.packb({"CHANNEL": "x", "a": msgpack.ExtType(code & 127, inner)})
    array = data.draw(st.tuples(junk, st.sampled_from(["<f4", "|u1", "O"]), junk))
    described = msgpack.ExtType(1 + code % 3, msgpack.packb(array))
    for header in (inner, ext, msgpack.packb({"CHANNEL": "x", "a": described})):
        attempts([header, frame])
        attempts([header])


BOMBS = {
    "a list of 2**32 - 1": b"\xdd\xff\xff\xff\xff",
    "a map of 2**32 - 1": b"\xdf\xff\xff\xff\xff",
    "4 GiB of bytes": b"\xc6\xff\xff\xff\xff",
    "10,000 deep": b"\x91" * 10_000,
    "900 lists of half a million": b"\x81\xa1a" + b"\xdd\x00\x07\xff\xff" * 900,
    "and in an array's words": b"\x81\xa1a\xc7\x05\x03\xdd\xff\xff\xff\xff",
}
DECODE = """
import sys
import msgpack
from decentralizepy.communication._wire import decode
from decentralizepy.node.process import keep_freed_memory
from tests.support.memory import growth

keep_freed_memory()
messages = msgpack.unpackb(sys.stdin.buffer.read())
for frames in messages:
    print(max(growth(decode, frames) for _ in range(3)))
"""


def growth(*messages):
    """Return the MiB that a node takes for each message while it decodes it."""
    command, given = [sys.executable, "-c", DECODE], msgpack.packb(messages)
    found = subprocess.run(command, input=given, capture_output=True, timeout=LIMIT_S)
    assert not found.stderr
    return [int(line) for line in found.stdout.split()]


def test_headers_that_claim_to_be_large():
    """Lists are allocated as long as they say, 900 in one another: gigabytes."""
    found = growth(*([header.ljust(HEADER_LIMIT, b"\0")] for header in BOMBS.values()))
    large = {name: mib for name, mib in zip(BOMBS, found, strict=True) if mib > 8}
    assert not large


def test_headers_that_are_large():
    """Half a million of empty things, each of which Python takes 80 bytes for."""
    messages = []
    for item in (b"\xa1a", b"\xd5\x03\x91\x01", b"\x90", b"\x80", b"\xd4\x03\x90"):
        count = (HEADER_LIMIT - 20) // len(item)
        head = b"\x82\xa7CHANNEL\xa1x\xa1a\xdd" + count.to_bytes(4, "big")
        messages.append([head + item * count])
    assert max(growth(*messages)) <= GROWTH_MIB


def test_a_frame_that_is_named_often():
    """Each time a tensor is made of it, it is copied."""
    frame = bytes(8 << 20)
    tensor = msgpack.ExtType(2, msgpack.packb((1, "|u1", [len(frame)])))
    header = msgpack.packb({"CHANNEL": "x", "a": [tensor] * 100})
    assert growth([header, frame])[0] <= GROWTH_MIB


@pytest.mark.slow
def test_10_000_mutated_messages_of_a_neighbor(tmp_path):
    """A real end: nothing is raised, all are counted, and the next true one arrives."""
    addresses = tmp_path / "ip.json"
    addresses.write_text(json.dumps({"0": "127.0.0.1"}))
    place = (0, 0, Linear(1, 2), 2, str(addresses))
    with contextlib.ExitStack() as stack:
        end = TCP(*place, offset=free_offset(4))
        stack.callback(end.terminate, 0)
        context = stack.enter_context(zmq.Context())
        dealer = stack.enter_context(context.socket(zmq.DEALER))
        dealer.linger, dealer.identity = 0, b"1"
        dealer.connect(end.address(0, 0))
        flood(end, dealer)
        sealed = Link(1, 0, 1, Checksum()).outgoing(
            sealable({"HELLO": 0, "CHANNEL": "CONNECT"})
        )
        dealer.send_multipart(sealed)
        assert receive(end) == (1, {"HELLO": 0, "CHANNEL": "CONNECT"})
    assert end.rejected == MESSAGES


def sealable(message):
    frames = encode(message)
    return Encoded(frames)


def receive(end):
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        if (received := end.receive(block=False)) is not None:
            return received
    return None


def flood(end, dealer):
    """Send what a neighbor's messages become when any byte of them may change."""
    generator, deadline = random.Random(1), time.monotonic() + LIMIT_S
    message = {"CHANNEL": "DPSGD", "iteration": 1, "params": np.ones(4, np.float32)}
    true = Link(1, 0, 1, Checksum()).outgoing(sealable(message))
    true = [bytes(memoryview(frame)) for frame in true]
    for number in range(MESSAGES):
        frames = [*true]
        place = generator.randrange(len(frames))
        while frames == true:
            frames[place] = mutated(frames[place], generator)
            if generator.random() < 0.2:
                frames.insert(place, generator.randbytes(3))
        dealer.send_multipart(frames)
        if number % 100 == 99:  # no more than fits into the queue
            while end.rejected <= number:
                assert end.receive(block=False) is None
                assert time.monotonic() < deadline
