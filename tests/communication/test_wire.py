"""Breaks when a message changes on its way, or bytes from a stranger can raise."""

import contextlib
import gc
import weakref
from collections import Counter, OrderedDict, defaultdict, deque
from http import HTTPStatus
from typing import NamedTuple

import msgpack
import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp

from decentralizepy.communication._wire import (
    HEADER_LIMIT,
    _layout,
    decode,
    encode,
)
from decentralizepy.errors import MessageError
from decentralizepy.message import outgoing, payload_bytes

MODEL = {"CHANNEL": "DPSGD", "iteration": 3, "degree": 4}
DTYPES = st.sampled_from(["?", "u1", "i4", "i8", "f2", "f4", "f8", "c8"])
ARRAYS = hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0))
LEAVES = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text()
VALUES = st.recursive(
    LEAVES | st.binary(max_size=20) | ARRAYS,
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def same(left, right):
    if isinstance(left, np.ndarray):
        return left.dtype == right.dtype and left.tobytes() == right.tobytes()
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(
            same(left[k], right[k]) for k in left
        )
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return left == right


def as_received(frames):
    return [memoryview(bytearray(memoryview(frame).cast("B"))) for frame in frames]


def flat_bytes(frames):
    return [np.ascontiguousarray(frame).reshape(-1).view("u1") for frame in frames]


KEYS = st.text().filter(lambda key: key != "BYE")  # which has a type of its own


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_every_message_comes_back(content):
    message = {**content, "CHANNEL": "test"}
    frames = encode(message)
    received = [frames[0], *flat_bytes(frames[1:])]
    assert same(decode(received), message)


def test_header_of_a_model_message_is_small():
    message = {**MODEL, "params": np.zeros(89_834, np.float32)}
    header, params = encode(message)
    assert len(header) <= 64
    assert params.nbytes == 4 * 89_834


def test_tensors_sets_and_numpy_numbers():
    weights = {"layer.weight": torch.arange(6.0).view(2, 3), "count": torch.tensor(7)}
    message = {"CHANNEL": "x", "params": weights, "peers": {3, 1}, "n": np.int64(2)}
    back = decode(encode(message))
    assert torch.equal(back["params"]["layer.weight"], weights["layer.weight"])
    assert back["params"]["count"].dtype == torch.int64
    assert (back["peers"], back["n"]) == ({1, 3}, 2)


KINDS = {
    "tuple": (1, "two", (3.0, [4])),
    "an array in a tuple": (np.arange(3), 1),
    "OrderedDict": OrderedDict([("b", 1), ("a", (2,))]),
    "deque": deque([1, 2], maxlen=3),
    "frozenset": frozenset({1, 2}),
    "set of tuples": {(1, 2), (0, 1)},
    "mixed set": {1, "a", None},
    "Counter": Counter("aab"),
    "defaultdict": defaultdict(list, {1: [2]}),
    "large": 2**64,
    "very negative": -(2**200) - 1,
    "complex": 1 - 2j,
    "float32": np.float32(0.1),
    "int64": np.int64(-5),
    "bool_": np.bool_(True),
    "tensor": torch.arange(3),
    "Size": torch.Size([2, 3]),
    "keys": {1: "int", "1": "str", (1, 2): "tuple"},
    7: "a key of the message itself",
}


def shown(value):
    """Return the repr of a value; equal sets may list their elements in another order."""
    return (
        sorted(map(repr, value)) if isinstance(value, set | frozenset) else repr(value)
    )


@pytest.mark.parametrize("name", KINDS)
def test_values_arrive_as_what_they_are(name):
    """Else a tuple becomes a list, and scripts that worked with pickle go wrong."""
    value = KINDS[name]
    back = decode(as_received(encode({"CHANNEL": "x", name: value})))[name]
    assert type(back) is type(value)
    assert shown(back) == shown(value)
    assert getattr(back, "maxlen", 3) == 3


class Place(NamedTuple):
    x: int


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (Place(1), "'it': a message cannot contain a Place"),
        ([{"deep": object()}], "'it': a message cannot contain a object"),
        (defaultdict(lambda: 1), "'it': a message cannot contain a defaultdict of"),
        (
            np.ma.masked_array([1], [True]),
            "'it': a message cannot contain a MaskedArray",
        ),
        (torch.zeros(1, dtype=torch.bfloat16), "'it': .*BFloat16"),
        (HTTPStatus.OK, "'it': a message cannot contain a HTTPStatus"),
    ],
)
def test_what_would_arrive_as_something_else_is_refused_by_name(value, told):
    with pytest.raises(MessageError, match=told):
        encode({"CHANNEL": "x", "fine": 1, "it": value})


def test_values_in_one_another_have_a_limit():
    value = ()
    for _ in range(40):
        value = (value,)
    with pytest.raises(MessageError, match="nested more than 32 deep"):
        encode({"CHANNEL": "x", "a": value})


def test_rounds_and_degrees_may_be_numpys():
    message = {**MODEL, "iteration": np.int64(3), "degree": np.int32(4)}
    back = decode(as_received(encode(message)))
    assert [type(back[key]) for key in ("iteration", "degree")] == [int, int]


def test_an_outgoing_array_is_its_senders_until_it_is_sent():
    """Breaks when noise cannot be added to a model, or when it is copied once more."""
    params = outgoing(np.zeros(4, np.float32))
    params += 1
    twice = params * 2
    _, frame = encode({**MODEL, "params": params})
    assert np.shares_memory(frame, params)
    assert frame.tolist() == [1, 1, 1, 1]
    with pytest.raises(ValueError, match="read-only"):
        params += 1
    _, frame = encode({**MODEL, "params": twice})
    assert not np.shares_memory(frame, twice)  # who computed it may keep it


def test_what_can_still_be_written_is_copied_and_the_rest_is_not():
    array = np.arange(3.0)
    assert not np.shares_memory(encode({**MODEL, "params": array})[1], array)
    array.flags.writeable = False
    assert np.shares_memory(encode({**MODEL, "params": array})[1], array)


def test_decoding_copies_nothing():
    frames = as_received(encode({**MODEL, "params": np.arange(3.0)}))
    params = decode(frames)["params"]
    assert np.shares_memory(params, np.frombuffer(frames[1], "f8"))
    assert params.flags.writeable


def test_receivers_in_one_process_share_the_arrays_and_nothing_else():
    """Breaks when each of them decodes a broadcast, or when one changes another's."""
    frames = encode({**MODEL, "params": np.arange(3.0)})
    one, other = decode(frames), decode(frames)
    assert one["params"] is other["params"]
    assert not one["params"].flags.writeable
    del one["iteration"]
    assert "iteration" in other


@pytest.mark.parametrize("kind", [list, deque, set, torch.tensor])
def test_what_a_receiver_can_change_is_its_own(kind):
    frames = encode({**MODEL, "content": kind([1, 2])})
    one, other = decode(frames), decode(frames)
    if kind is torch.tensor:
        one["content"] += 1
    else:
        one["content"].clear()
    assert [*other["content"]] == [1, 2]


def test_a_message_is_freed_without_the_collector():
    """Breaks when models pile up in memory until a collection of garbage."""
    gc.disable()
    try:
        array = np.arange(3.0)
        array.flags.writeable = False
        frames = encode({**MODEL, "params": array})
        received = [frames[0], np.arange(3.0)]
        message = decode(received)
        left = weakref.ref(array), weakref.ref(received[1])
        del array, frames, received, message
        assert [each() for each in left] == [None, None]
    finally:
        gc.enable()


def test_objects_and_huge_headers_are_not_sent():
    with pytest.raises(MessageError, match="object"):
        encode({"CHANNEL": "x", "f": object(), "set": set()})
    with pytest.raises(MessageError, match="object"):
        encode({"CHANNEL": "x", "a": np.array([None])})
    with pytest.raises(MessageError, match="exceeds the limit"):
        encode({"CHANNEL": "x", "text": "x" * HEADER_LIMIT})


def array_header(index=1, dtype="<f4", shape=(2,), code=1):
    described = msgpack.packb((index, dtype, shape))
    return msgpack.packb({**MODEL, "params": msgpack.ExtType(code, described)})


def nested(depth, value=0):
    """Return a tuple of a tuple, and so on, as a header has them."""
    for _ in range(depth):
        value = msgpack.ExtType(4, msgpack.packb(["tuple", [value]]))
    return value


@pytest.mark.parametrize(
    "frames",
    [
        [],
        [b""],
        [b"\xc1"],
        [b"GET / HTTP/1.1\r\n\r\n"],
        [msgpack.packb([1, 2])],
        [msgpack.packb({None: 2, "CHANNEL": "x"})],
        [msgpack.packb({"CHANNEL": "x", "a": msgpack.ExtType(4, b"\x91\xa5tuple")})],
        [msgpack.packb({"CHANNEL": "x", "a": msgpack.ExtType(4, b"\x92\xa4eval\xa0")})],
        [msgpack.packb({"CHANNEL": "x", "a": nested(40)})],
        [msgpack.packb({"iteration": 3})],
        [msgpack.packb({"CHANNEL": 7})],
        [msgpack.packb({"CHANNEL": "DPSGD", "iteration": "3"})],
        [msgpack.packb({"CHANNEL": "DPSGD", "iteration": True})],
        [msgpack.packb({"CHANNEL": "CONNECT"})],
        [msgpack.packb(MODEL), b"unnamed"],
        [array_header()],
        [array_header(), b"123"],
        [array_header(), bytes(8), bytes(8)],
        [array_header(index=0), bytes(8)],
        [array_header(index=-1), bytes(8)],
        [array_header(index="1"), bytes(8)],
        [array_header(dtype="O"), bytes(16)],
        [array_header(dtype=">f4"), bytes(8)],
        [array_header(dtype="<U2"), bytes(16)],
        [array_header(shape=(-1, -2)), bytes(8)],
        [array_header(shape=(2.0,)), bytes(8)],
        [array_header(shape=(2**62, 2**62)), bytes(8)],
        [array_header(shape=[1] * 40), bytes(4)],
        [array_header(shape=2), bytes(8)],
        [array_header(shape={2: 0}), bytes(8)],
        [array_header(shape=[0] * 5_000), b""],
        [array_header(code=9), bytes(8)],
        [b"\x80" * (HEADER_LIMIT + 1)],
        [msgpack.packb({"CHANNEL": "x", "set": msgpack.ExtType(3, b"\x91\x91\x01")})],
        [b"\x91" * 100_000],
    ],
)
def test_what_is_no_message_is_refused(frames):
    with pytest.raises(MessageError):
        decode(frames)


def test_a_long_description_is_not_remembered():
    """A stranger must not fill the memory for the layouts of arrays."""
    before = _layout.cache_info().misses
    padded = msgpack.ExtType(1, msgpack.packb((1, "<f4", (2,))) + bytes(10_000))
    with pytest.raises(MessageError, match="described by 10008 bytes"):
        decode([msgpack.packb({**MODEL, "params": padded}), bytes(8)])
    assert _layout.cache_info().misses == before


@given(st.lists(st.binary(max_size=60), max_size=3))
def test_random_bytes_raise_only_message_errors(frames):
    with contextlib.suppress(MessageError):
        decode(frames)


@given(st.data())
def test_damaged_messages_raise_only_message_errors(data):
    header, params = encode({**MODEL, "params": np.arange(3, dtype=np.float32)})
    place = data.draw(st.integers(0, len(header) - 1))
    damaged = bytearray(header)
    damaged[place] = data.draw(st.integers(0, 255))
    with contextlib.suppress(MessageError):
        decode([bytes(damaged), params])


def test_payload_bytes_counts_what_is_nested():
    params = {"a": np.zeros(3, np.float32), "b": [torch.zeros(2), b"xy"]}
    assert payload_bytes(params) == 12 + 8 + 2
    assert payload_bytes(None) == payload_bytes({"alpha": 0.5}) == 0
